interface ImportMetaEnv {
  /** The system this build is for: `linux`, `windows`, `darwin`, `android` or `ios`. */
  readonly TAURI_ENV_PLATFORM: string
}
