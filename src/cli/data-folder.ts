/**
 * Where a broker keeps its data when nobody said where: a folder of the user's own that outlives the working directory, so that `npx ottla`
 * finds the same topics wherever it is run, and no project gets a folder it did not ask for.
 */
import { join } from 'node:path'

export interface Surroundings {
  readonly platform: NodeJS.Platform
  readonly env: Readonly<Record<string, string | undefined>>
  /** The user's home; empty where there is none. */
  readonly home: string
  readonly workingDirectory: string
}

/**
 * `$XDG_STATE_HOME/ottla` (`~/.local/state/ottla`) on Linux and the like, `~/Library/Application Support/ottla` on macOS, `%LOCALAPPDATA%\ottla` on
 * Windows; `ottla-data` in the working directory for a user without a home.
 */
export function defaultDataFolder({ platform, env, home, workingDirectory }: Surroundings): string {
  if (platform === 'win32' && env['LOCALAPPDATA']) return join(env['LOCALAPPDATA'], 'ottla')
  if (env['XDG_STATE_HOME']?.startsWith('/') === true) return join(env['XDG_STATE_HOME'], 'ottla')
  if (home === '' || home === '/' || home === '/nonexistent') return join(workingDirectory, 'ottla-data')
  return platform === 'darwin'
    ? join(home, 'Library', 'Application Support', 'ottla')
    : join(home, '.local', 'state', 'ottla')
}
