/** Reads the list of servers a person typed. Pure. */

/** One address per line, blank lines left out; null when a line is no STUN or TURN address. */
export function readIceServers(text: string): string[] | null {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  return lines.every((line) => SERVER.test(line)) ? lines : null
}

const SERVER = /^(stun|stuns|turn|turns):[^\s/]+$/
