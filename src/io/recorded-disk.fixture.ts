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
  readonly #changes = new Changes()

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

  /** That the record has, apart from what is durable, what the folder has, as soon as no change is between the two. */
  async assertTrue(): Promise<void> {
    await this.#changes.areOver()
    const real = contentsOf(this.#root)
    const recorded = new Map<string, string>()
    note(this.#record.root, '', recorded)
    const told = JSON.stringify([[...real.keys()], [...recorded.keys()]])
    assert(real.size === recorded.size, () => `the record has other names than the folder: ${told}`)
    for (const [path, content] of real)
      assert(recorded.get(path) === content, () => `${path} is not as it was recorded`)
  }

  override open(path: string, options: OpenOptions = {}): Promise<DiskFile> {
    return this.#changes.make(this.disk.open(path, options), file => {
      const name = this.#nameOf(path)
      if (this.#record.find(name) === undefined) this.#record.createFile(name, 0)
      return new RecordedFile(file, this.#record, this.#record.findFile(name, 'open'), this.#changes)
    })
  }

  override makeDirectory(path: string): Promise<void> {
    return this.#changes.make(this.disk.makeDirectory(path), () => this.#record.makeDirectory(this.#nameOf(path)))
  }

  override rename(from: string, to: string): Promise<void> {
    const noted = (): void => this.#record.rename(this.#nameOf(from), this.#nameOf(to))
    return this.#changes.make(this.disk.rename(from, to), noted)
  }

  override remove(path: string): Promise<void> {
    return this.#changes.make(this.disk.remove(path), () => this.#record.remove(this.#nameOf(path)))
  }

  override removeDirectory(path: string): Promise<void> {
    return this.#changes.make(this.disk.removeDirectory(path), () => this.#record.removeDirectory(this.#nameOf(path)))
  }

  override async syncDirectory(path: string): Promise<void> {
    await this.disk.syncDirectory(path)
    // What is above the root is none of the record's business.
    if (!path.startsWith(this.#root)) return
    this.#record.syncDirectory(this.#record.findDirectory(this.#nameOf(path), 'fsync'))
  }

  override lock(path: string): Promise<DiskLock | undefined> {
    return this.#changes.make(this.disk.lock(path), lock => {
      const name = this.#nameOf(path)
      if (this.#record.find(name) === undefined) this.#record.createFile(name, 0)
      return lock
    })
  }

  #nameOf(path: string): string {
    assert(path === this.#root || path.startsWith(`${this.#root}/`), () => `${path} is not in ${this.#root}`)
    return path.slice(this.#root.length) || '/'
  }
}

class RecordedFile extends ForwardingFile {
  readonly #record: Volume
  readonly #node: VolumeFile
  readonly #changes: Changes

  constructor(file: DiskFile, record: Volume, node: VolumeFile, changes: Changes) {
    super(file)
    this.#record = record
    this.#node = node
    this.#changes = changes
    record.retain(node)
  }

  override writev(buffers: readonly Uint8Array[], position: number): Promise<void> {
    return this.#changes.make(this.file.writev(buffers, position), () => this.#noteWrite(buffers, position))
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

  override truncate(length: number): Promise<void> {
    return this.#changes.make(this.file.truncate(length), () => this.#record.truncate(this.#node, length, 0))
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

/** Between the moment that a change is in the folder and that in which it is noted, the two differ. */
class Changes {
  #underWay = 0
  #over = Promise.withResolvers<void>()

  async make<T, U>(real: Promise<T>, note: (value: T) => U): Promise<U> {
    this.#underWay += 1
    try {
      return note(await real)
    } finally {
      this.#underWay -= 1
      if (this.#underWay === 0) {
        this.#over.resolve()
        this.#over = Promise.withResolvers<void>()
      }
    }
  }

  /** Settles at a moment at which none is under way. */
  async areOver(): Promise<void> {
    while (this.#underWay > 0) await this.#over.promise
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
