import { homedir } from 'node:os'

/** The user's home; empty for one that has none, as in containers that run under a number that no account has. */
export function homeFolder(): string {
  try {
    return homedir()
  } catch {
    return ''
  }
}
