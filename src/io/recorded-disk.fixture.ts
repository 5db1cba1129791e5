/**
 * Record and cut: a real folder beside which is noted what of it is durable, by the rules of POSIX. At any moment the power can be cut: another real folder is made with what
 * could be left, as a seed decides. So what is said of the simulated disk can be asked of files that a real system has written.
 *
 * The record is a `Volume`, to which every change is applied once the real one has taken effect.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { assert } from '../std/assert.ts'
import type { SeededRandom } from '../std/random.ts'
import { ForwardingDisk, ForwardingFile } from './forwarding-disk.ts'
import type { Disk, DiskFile, DiskLock, OpenOptions } from './io.ts'
import { Volume, type VolumeDirectory, type VolumeFile } from './memory-volume.ts'

export class RecordedDisk extends ForwardingDisk {
  readonly #root: string
  readonly #record = new Volume(2 ** 40)

  /** `root` is an empty folder whose own name is durable. */
  constructor(disk: Disk, root: string) {
    super(disk)
    this.#root = root
  }

  /** Makes the folder `to` with what could be left if the power went now. This disk goes on as if it had not. */
  cut(random: SeededRandom, to: string): void {
    const image = this.#record.copy()
    image.loseUnsynced(random)
    materialize(image.root, to)
  }

  /** That the record has, apart from what is durable, what the folder has. */
  assertTrue(): void {
    const real = contentsOf(this.#root)
    const recorded = new Map<string, string>()
    note(this.#record.root, '', recorded)
    const told = JSON.stringify([[...real.keys()], [...recorded.keys()]])
    assert(real.size === recorded.size, () => `the record has other names than the folder: ${told}`)
    for (const [path, content] of real)
      assert(recorded.get(path) === content, () => `${path} is not as it was recorded`)
  }

  override async open(path: string, options: OpenOptions = {}): Promise<DiskFile> {
    const file = await this.disk.open(path, options)
    const name = this.#nameOf(path)
    if (this.#record.find(name) === undefined) this.#record.createFile(name, 0)
    return new RecordedFile(file, this.#record, this.#record.findFile(name, 'open'))
  }

  override async makeDirectory(path: string): Promise<void> {
    await this.disk.makeDirectory(path)
    this.#record.makeDirectory(this.#nameOf(path))
  }

  override async rename(from: string, to: string): Promise<void> {
    await this.disk.rename(from, to)
    this.#record.rename(this.#nameOf(from), this.#nameOf(to))
  }

  override async remove(path: string): Promise<void> {
    await this.disk.remove(path)
    this.#record.remove(this.#nameOf(path))
  }

  override async removeDirectory(path: string): Promise<void> {
    await this.disk.removeDirectory(path)
    this.#record.removeDirectory(this.#nameOf(path))
  }

  override async syncDirectory(path: string): Promise<void> {
    await this.disk.syncDirectory(path)
    // What is above the root is none of the record's business.
    if (!path.startsWith(this.#root)) return
    this.#record.syncDirectory(this.#record.findDirectory(this.#nameOf(path), 'fsync'))
  }

  override async lock(path: string): Promise<DiskLock | undefined> {
    const lock = await this.disk.lock(path)
    const name = this.#nameOf(path)
    if (this.#record.find(name) === undefined) this.#record.createFile(name, 0)
    return lock
  }

  #nameOf(path: string): string {
    assert(path === this.#root || path.startsWith(`${this.#root}/`), () => `${path} is not in ${this.#root}`)
    return path.slice(this.#root.length) || '/'
  }
}

class RecordedFile extends ForwardingFile {
  readonly #record: Volume
  readonly #node: VolumeFile

  constructor(file: DiskFile, record: Volume, node: VolumeFile) {
    super(file)
    this.#record = record
    this.#node = node
    record.retain(node)
  }

  override async writev(buffers: readonly Uint8Array[], position: number): Promise<void> {
    await this.file.writev(buffers, position)
    this.#noteWrite(buffers, position)
  }

  override writevSync(buffers: readonly Uint8Array[], position: number): void {
    this.file.writevSync(buffers, position)
    this.#noteWrite(buffers, position)
  }

  override async sync(): Promise<void> {
    const { sequence } = this.#record
    await this.file.sync()
    this.#record.syncFile(this.#node, sequence, false)
  }

  override async truncate(length: number): Promise<void> {
    await this.file.truncate(length)
    this.#record.truncate(this.#node, length, 0)
  }

  override async close(): Promise<void> {
    await this.file.close()
    this.#record.release(this.#node)
  }

  #noteWrite(buffers: readonly Uint8Array[], position: number): void {
    let at = position
    for (const buffer of buffers) at += this.#record.write(this.#node, buffer, at, 0)
  }
}

function materialize(directory: VolumeDirectory, to: string): void {
  mkdirSync(to, { recursive: true })
  for (const [name, node] of directory.entries) {
    if (node.kind === 'directory') materialize(node, `${to}/${name}`)
    else writeFileSync(`${to}/${name}`, bytesOf(node))
  }
}

function note(directory: VolumeDirectory, path: string, into: Map<string, string>): void {
  for (const [name, node] of directory.entries) {
    if (node.kind === 'directory') note(node, `${path}/${name}`, into)
    else into.set(`${path}/${name}`, bytesOf(node).toString('latin1'))
  }
}

function bytesOf(node: VolumeFile): Buffer {
  const bytes = Buffer.alloc(node.current.length)
  node.current.read(bytes, 0)
  return bytes
}

/** Every file below a folder, by its path in it. */
function contentsOf(folder: string): Map<string, string> {
  const contents = new Map<string, string>()
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = `${entry.parentPath}/${entry.name}`.replaceAll('\\', '/')
    contents.set(path.slice(folder.length), readFileSync(path, 'latin1'))
  }
  return contents
}
