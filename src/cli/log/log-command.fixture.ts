/** What the tests of `ottla log` share: the command, run. */
import type { TestContext } from 'node:test'
import { ottla } from '../ottla.fixture.ts'

export interface Answer {
  readonly code: number | null
  readonly lines: readonly string[]
  readonly stderr: string
}

export async function log(t: TestContext, ...args: readonly string[]): Promise<Answer> {
  const { code, stdout, stderr } = await ottla(t, ['log', ...args]).ended
  return { code, lines: stdout.split('\n').filter(line => line !== ''), stderr }
}

/** With `--json`. */
export async function logJson(
  t: TestContext,
  ...args: readonly string[]
): Promise<Answer & { readonly rows: readonly Record<string, unknown>[] }> {
  const answer = await log(t, ...args, '--json')
  return { ...answer, rows: answer.lines.map(line => JSON.parse(line) as Record<string, unknown>) }
}
