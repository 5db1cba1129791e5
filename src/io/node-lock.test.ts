/** The lock against other processes: what the contract suite, which has one process, cannot show. */

import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createNodeIo } from './node.ts'

const folder = mkdtempSync(join(tmpdir(), 'ottla-lock-'))
after(() => rmSync(folder, { recursive: true, maxRetries: 10 }))

const { disk } = createNodeIo()

/** Takes the lock and holds it until its input ends, as Kafka does with the `.lock` in each of its log directories. */
const javaHolder = `
import java.nio.channels.*;
import java.nio.file.*;

public class Holder {
  public static void main(String[] args) throws Exception {
    var channel = FileChannel.open(Path.of(args[0]),
      StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    var lock = channel.tryLock();
    System.out.println(lock == null ? "busy" : "locked");
    if (lock != null) System.in.read();
  }
}
`

const nodeHolder = `
const { createNodeIo } = await import(${JSON.stringify(new URL('./node.ts', import.meta.url).href)})
const lock = await createNodeIo().disk.lock(process.argv[1])
process.stdin.resume()
console.log(lock === undefined ? 'busy' : 'locked')
`

interface Holder {
  readonly child: ChildProcess
  readonly says: string
  readonly warnings: () => string
}

/** Starts a process and waits for its first line. */
async function start(command: string, args: readonly string[]): Promise<Holder> {
  const child = spawn(command, args, { stdio: 'pipe' })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString()
  })
  const says = await new Promise<string>((resolve, reject) => {
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (text.includes('\n')) resolve(text.trim())
    })
    child.on('close', () => reject(new Error(`${command} ended: ${errors}`)))
  })
  return { child, says, warnings: () => errors }
}

const startNode = (path: string): Promise<Holder> =>
  start(process.execPath, ['--input-type=module', '--eval', nodeHolder, path])

async function end(holder: Holder, signal: 'SIGKILL' | undefined): Promise<void> {
  const closed = new Promise(resolve => holder.child.on('close', resolve))
  if (signal === undefined) holder.child.stdin!.end()
  else holder.child.kill(signal)
  await closed
}

test('another process is kept out, and let in after the holder was killed', async () => {
  const path = join(folder, 'killed')
  const holder = await startNode(path)
  assert.equal(holder.says, 'locked')
  assert.equal(await disk.lock(path), undefined)
  await end(holder, 'SIGKILL')
  const lock = await disk.lock(path)
  assert.ok(lock !== undefined)
  const other = await startNode(path)
  assert.equal(other.says, 'busy')
  await end(other, undefined)
  await lock.release()
  assert.equal(statSync(path).size, 0, 'nothing is written into a lock file')
})

test('a process that takes a lock prints no warning', async () => {
  const holder = await startNode(join(folder, 'quiet'))
  await end(holder, undefined)
  assert.equal(holder.warnings(), '')
})

test('a locked file is not opened by its own process, which would drop the lock', async () => {
  const path = join(folder, 'guarded')
  const lock = await disk.lock(path)
  await assert.rejects(disk.open(path), /would drop the lock/)
  await assert.rejects(disk.readFile(path), /would drop the lock/)
  assert.throws(() => disk.readFileSync(path), /would drop the lock/)
  await lock!.release()
  await (await disk.open(path)).close()
})

const hasJava = spawnSync('java', ['-version']).status === 0

test('Java and we keep each other out, as Kafka would', { skip: !hasJava }, async () => {
  const source = join(folder, 'Holder.java')
  writeFileSync(source, javaHolder)
  const startJava = (path: string): Promise<Holder> => start('java', ['-XX:TieredStopAtLevel=1', source, path])

  const path = join(folder, 'java')
  const java = await startJava(path)
  assert.equal(java.says, 'locked')
  assert.equal(await disk.lock(path), undefined)
  await end(java, 'SIGKILL')

  const lock = await disk.lock(path)
  assert.ok(lock !== undefined)
  const refused = await startJava(path)
  assert.equal(refused.says, 'busy')
  await lock.release()
  const admitted = await startJava(path)
  assert.equal(admitted.says, 'locked')
  await end(admitted, undefined)
})
