/** Child processes: run one to its end within a time limit, and start one that lives on. */
import { spawn, type ChildProcess } from 'node:child_process'

export type Command = {
  readonly file: string
  readonly args: readonly string[]
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

export type Finished = {
  /** Null when a signal ended the process. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly timedOut: boolean
  readonly stdout: string
  readonly stderr: string
  readonly elapsedMs: number
}

const running = new Set<ChildProcess>()

/** Starts a process in a process group of its own, so that whatever it starts ends with it. */
export function start(command: Command, stdin: 'ignore' | 'pipe' = 'ignore'): ChildProcess {
  const child = spawn(command.file, [...command.args], {
    cwd: command.cwd,
    env: { ...process.env, ...command.env },
    stdio: [stdin, 'pipe', 'pipe'],
    detached: true,
  })
  running.add(child)
  child.once('close', () => running.delete(child))
  return child
}

/** Signals a process and all that it started. A group that is gone already is no error. */
export function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Ends every process that this one started; for an interrupted run. */
export function killAll(): void {
  for (const child of running) signalGroup(child, 'SIGKILL')
}

/** Runs a command to its end; after the time limit it is killed and reported as timed out. Rejects when it cannot start. */
export function run(command: Command, timeLimitMs: number): Promise<Finished> {
  const startedMs = performance.now()
  const child = start(command)
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout!.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr!.on('data', (chunk: Buffer) => stderr.push(chunk))
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    signalGroup(child, 'SIGKILL')
  }, timeLimitMs)
  return new Promise((resolve, reject) => {
    child.once('error', error => {
      clearTimeout(timer)
      running.delete(child)
      reject(new Error(`cannot run ${command.file}: ${error.message}`))
    })
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      resolve({
        code,
        signal,
        timedOut,
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
        elapsedMs: performance.now() - startedMs,
      })
    })
  })
}

/** Runs a command that must succeed; throws with the end of its output otherwise. */
export async function mustRun(command: Command, timeLimitMs: number): Promise<Finished> {
  const finished = await run(command, timeLimitMs)
  if (finished.code !== 0) {
    const how = finished.timedOut ? `no end within ${timeLimitMs / 1000} s` : `exit ${finished.code ?? finished.signal}`
    throw new Error(
      `${command.file} ${command.args.join(' ')}: ${how}\n${lastLines(finished.stdout + finished.stderr, 40)}`,
    )
  }
  return finished
}

export function lastLines(text: string, count: number): string {
  return text.trimEnd().split('\n').slice(-count).join('\n')
}
