/** Where a made-up party begins. */
export type Scene = (typeof SCENES)[number]

export const SCENES = [
  'lobby',
  'invited',
  'party',
  'guest',
  'crowd',
  'empty',
  'locked',
  'far',
  'unsynced',
  'asymmetric',
  'paused',
  'unplugged',
] as const

export function isScene(text: string | null): text is Scene {
  return SCENES.some((scene) => scene === text)
}
