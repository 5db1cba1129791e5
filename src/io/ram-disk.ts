/**
 * A disk in the memory of this process: real in every way but that it is gone with the process. `ottla start --memory` and brokers inside tests keep their
 * data here. (`memory-disk.ts` is something else: a disk on a virtual clock, that fails as the simulator says.)
 *
 * As on a POSIX disk, a file that is open outlives its name. There is nothing to sync. Space is bounded, so that a test that never stops
 * producing gets ENOSPC rather than the process its end.
 */

import { assert } from '../std/assert.ts'
import type { DirectoryEntry, Disk, DiskError, DiskFile, DiskLock, FileStat, OpenOptions } from './io.ts'

export interface RamDiskOptions {
  readonly capacityBytes: number
  readonly nowMs: () => number
}

const chunkBytes = 256 * 1024

class RamError extends Error implements DiskError {
  readonly code: string

  constructor(code: string, operation: string, path: string) {
    super(`${code}: ${operation} '${path}'`)
    this.code = code
  }
}

interface RamDirectory {
  readonly kind: 'directory'
  readonly entries: Map<string, RamNode>
  modifiedMs: number
}

type RamNode = RamDirectory | RamFile

/** Bytes in chunks of which all but a lone first one have full size, so that growing copies little. */
class RamFile {
  readonly kind = 'file'
  readonly #space: Space
  #chunks: Uint8Array[] = []
  sizeBytes = 0
  modifiedMs: number
  /** Names and open handles; at zero its space is free. */
  #references = 0

  constructor(space: Space, modifiedMs: number) {
    this.#space = space
    this.modifiedMs = modifiedMs
  }

  retain(): void {
    this.#references += 1
  }

  release(): void {
    this.#references -= 1
    assert(this.#references >= 0, () => `a file released ${-this.#references} times too often`)
    if (this.#references === 0) this.resize(0, 'remove', '')
  }

  read(target: Uint8Array, position: number): number {
    const length = Math.max(0, Math.min(target.length, this.sizeBytes - position))
    for (let done = 0; done < length;) {
      const at = position + done
      const chunk = this.#chunks[Math.floor(at / chunkBytes)]!
      const start = at % chunkBytes
      const part = chunk.subarray(start, start + Math.min(length - done, chunkBytes - start))
      target.set(part, done)
      done += part.length
    }
    return length
  }

  write(buffers: readonly Uint8Array[], position: number, path: string): void {
    const length = buffers.reduce((sum, buffer) => sum + buffer.length, 0)
    if (position + length > this.sizeBytes) this.resize(position + length, 'write', path)
    let at = position
    for (const buffer of buffers) {
      for (let done = 0; done < buffer.length;) {
        const start = at % chunkBytes
        const part = buffer.subarray(done, done + chunkBytes - start)
        this.#chunks[Math.floor(at / chunkBytes)]!.set(part, start)
        done += part.length
        at += part.length
      }
    }
  }

  resize(sizeBytes: number, operation: string, path: string): void {
    this.#space.take(sizeBytes - this.sizeBytes, operation, path)
    const count = Math.ceil(sizeBytes / chunkBytes)
    // What is cut off must read as zeros if the file grows over it again.
    if (sizeBytes < this.sizeBytes) this.#chunks[count - 1]?.fill(0, ((sizeBytes - 1) % chunkBytes) + 1)
    this.#chunks.length = Math.min(this.#chunks.length, count)
    if (count === 1) this.#growOnly(sizeBytes)
    else if (count > 1) {
      if (this.#chunks.length === 1) this.#growOnly(chunkBytes)
      while (this.#chunks.length < count) this.#chunks.push(new Uint8Array(chunkBytes))
    }
    this.sizeBytes = sizeBytes
  }

  /** Makes the lone chunk of a small file at least this large. */
  #growOnly(bytes: number): void {
    const only = this.#chunks[0]
    if (only !== undefined && only.length >= bytes) return
    const grown = new Uint8Array(Math.min(chunkBytes, Math.max(bytes, (only?.length ?? 0) * 2, 512)))
    if (only !== undefined) grown.set(only)
    this.#chunks[0] = grown
  }
}

class Space {
  readonly totalBytes: number
  usedBytes = 0

  constructor(totalBytes: number) {
    this.totalBytes = totalBytes
  }

  take(bytes: number, operation: string, path: string): void {
    if (bytes > 0 && this.usedBytes + bytes > this.totalBytes) throw new RamError('ENOSPC', operation, path)
    this.usedBytes += bytes
  }
}

export class RamDisk implements Disk {
  readonly #space: Space
  readonly #nowMs: () => number
  readonly #root: RamDirectory
  readonly #locks = new Set<string>()

  constructor(options: RamDiskOptions) {
    this.#space = new Space(options.capacityBytes)
    this.#nowMs = options.nowMs
    this.#root = { kind: 'directory', entries: new Map(), modifiedMs: options.nowMs() }
  }

  async open(path: string, { write = false, create = false, exclusive = false }: OpenOptions = {}): Promise<DiskFile> {
    const found = this.#find(path)
    if (found !== undefined && create && exclusive) throw new RamError('EEXIST', 'open', path)
    if (found?.kind === 'directory') throw new RamError('EISDIR', 'open', path)
    if (found === undefined && !create) throw this.#missing('open', path)
    const file = found ?? this.#createFile(path)
    file.retain()
    return new RamHandle(file, path, write, this.#nowMs)
  }

  async list(path: string): Promise<DirectoryEntry[]> {
    return this.listSync(path)
  }

  listSync(path: string): DirectoryEntry[] {
    const { entries } = this.#directory(path, 'list')
    const names = [...entries.keys()].toSorted((a, b) => (a < b ? -1 : 1))
    return names.map(name => ({ name, directory: entries.get(name)!.kind === 'directory' }))
  }

  async stat(path: string): Promise<FileStat | undefined> {
    return this.statSync(path)
  }

  statSync(path: string): FileStat | undefined {
    const node = this.#find(path)
    if (node === undefined) return undefined
    const sizeBytes = node.kind === 'file' ? node.sizeBytes : 0
    return { directory: node.kind === 'directory', sizeBytes, modifiedMs: node.modifiedMs }
  }

  async readFile(path: string): Promise<Uint8Array> {
    return this.readFileSync(path)
  }

  readFileSync(path: string): Uint8Array {
    const node = this.#find(path)
    if (node === undefined) throw new RamError('ENOENT', 'read', path)
    if (node.kind === 'directory') throw new RamError('EISDIR', 'read', path)
    const bytes = new Uint8Array(node.sizeBytes)
    node.read(bytes, 0)
    return bytes
  }

  async makeDirectory(path: string): Promise<void> {
    let at = this.#root
    const names = namesOf(path)
    for (const [depth, name] of names.entries()) {
      let next = at.entries.get(name)
      if (next === undefined) {
        next = { kind: 'directory', entries: new Map(), modifiedMs: this.#nowMs() }
        at.entries.set(name, next)
        at.modifiedMs = next.modifiedMs
      }
      if (next.kind === 'file')
        throw new RamError(depth === names.length - 1 ? 'EEXIST' : 'ENOTDIR', 'makeDirectory', path)
      at = next
    }
  }

  async rename(from: string, to: string): Promise<void> {
    const source = this.#parent(from, 'rename')
    const target = this.#parent(to, 'rename')
    const node = source.directory.entries.get(source.name)
    if (node === undefined) throw new RamError('ENOENT', 'rename', from)
    const replaced = target.directory.entries.get(target.name)
    if (replaced === node) return
    if (replaced?.kind === 'directory') {
      if (node.kind === 'file') throw new RamError('EISDIR', 'rename', to)
      if (replaced.entries.size > 0) throw new RamError('ENOTEMPTY', 'rename', to)
    } else if (replaced !== undefined) {
      if (node.kind === 'directory') throw new RamError('ENOTDIR', 'rename', to)
      replaced.release()
    }
    source.directory.entries.delete(source.name)
    target.directory.entries.set(target.name, node)
    source.directory.modifiedMs = target.directory.modifiedMs = this.#nowMs()
  }

  async remove(path: string): Promise<void> {
    const node = this.#find(path)
    if (node === undefined) return
    if (node.kind === 'directory') throw new RamError('EISDIR', 'remove', path)
    this.#unlink(path)
    node.release()
  }

  async removeDirectory(path: string): Promise<void> {
    const node = this.#find(path)
    if (node === undefined) return
    if (node.kind === 'file') throw new RamError('ENOTDIR', 'removeDirectory', path)
    this.#unlink(path)
    releaseAll(node)
  }

  async syncDirectory(path: string): Promise<void> {
    this.#directory(path, 'syncDirectory')
  }

  async lock(path: string): Promise<DiskLock | undefined> {
    const key = namesOf(path).join('/')
    if (this.#locks.has(key)) return undefined
    const found = this.#find(path)
    if (found?.kind === 'directory') throw new RamError('EISDIR', 'lock', path)
    if (found === undefined) this.#createFile(path)
    this.#locks.add(key)
    return {
      release: async () => {
        this.#locks.delete(key)
      },
    }
  }

  async space(path: string): Promise<{ totalBytes: number; usableBytes: number }> {
    if (this.#find(path) === undefined) throw new RamError('ENOENT', 'space', path)
    return { totalBytes: this.#space.totalBytes, usableBytes: this.#space.totalBytes - this.#space.usedBytes }
  }

  #find(path: string): RamNode | undefined {
    let node: RamNode = this.#root
    for (const name of namesOf(path)) {
      if (node.kind === 'file') return undefined
      const next: RamNode | undefined = node.entries.get(name)
      if (next === undefined) return undefined
      node = next
    }
    return node
  }

  /** What a path that leads nowhere fails with: that something on the way is a file, or that it is not there. */
  #missing(operation: string, path: string): RamError {
    const names = namesOf(path)
    const throughFile = names.some(
      (_, depth) => depth > 0 && this.#find(names.slice(0, depth).join('/'))?.kind === 'file',
    )
    return new RamError(throughFile ? 'ENOTDIR' : 'ENOENT', operation, path)
  }

  #directory(path: string, operation: string): RamDirectory {
    const node = this.#find(path)
    if (node === undefined) throw this.#missing(operation, path)
    if (node.kind === 'file') throw new RamError('ENOTDIR', operation, path)
    return node
  }

  #parent(path: string, operation: string): { directory: RamDirectory; name: string } {
    const names = namesOf(path)
    const name = names.at(-1)
    if (name === undefined) throw new RamError('EBUSY', operation, path)
    return { directory: this.#directory(names.slice(0, -1).join('/'), operation), name }
  }

  #createFile(path: string): RamFile {
    const { directory, name } = this.#parent(path, 'open')
    const file = new RamFile(this.#space, this.#nowMs())
    file.retain()
    directory.entries.set(name, file)
    directory.modifiedMs = file.modifiedMs
    return file
  }

  #unlink(path: string): void {
    const { directory, name } = this.#parent(path, 'remove')
    directory.entries.delete(name)
    directory.modifiedMs = this.#nowMs()
  }
}

class RamHandle implements DiskFile {
  readonly #file: RamFile
  readonly #path: string
  readonly #write: boolean
  readonly #nowMs: () => number
  #open = true

  constructor(file: RamFile, path: string, write: boolean, nowMs: () => number) {
    this.#file = file
    this.#path = path
    this.#write = write
    this.#nowMs = nowMs
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    return this.readNow(target, position)
  }

  readNow(target: Uint8Array, position: number): number {
    this.#assertOpen()
    return this.#file.read(target, position)
  }

  async writev(buffers: readonly Uint8Array[], position: number): Promise<void> {
    this.writevSync(buffers, position)
  }

  writevSync(buffers: readonly Uint8Array[], position: number): void {
    this.#assertWritable()
    this.#file.write(buffers, position, this.#path)
    this.#file.modifiedMs = this.#nowMs()
  }

  async sync(): Promise<void> {
    this.#assertOpen()
  }

  async truncate(length: number): Promise<void> {
    this.#assertWritable()
    this.#file.resize(length, 'truncate', this.#path)
    this.#file.modifiedMs = this.#nowMs()
  }

  async size(): Promise<number> {
    this.#assertOpen()
    return this.#file.sizeBytes
  }

  async close(): Promise<void> {
    this.#assertOpen()
    this.#open = false
    this.#file.release()
  }

  #assertOpen(): void {
    assert(this.#open, () => `${this.#path} is used after it was closed`)
  }

  #assertWritable(): void {
    this.#assertOpen()
    if (!this.#write) throw new RamError('EBADF', 'write', this.#path)
  }
}

function releaseAll(directory: RamDirectory): void {
  for (const node of directory.entries.values()) {
    if (node.kind === 'file') node.release()
    else releaseAll(node)
  }
}

function namesOf(path: string): string[] {
  const names: string[] = []
  for (const name of path.split('/')) {
    if (name === '..') names.pop()
    else if (name !== '' && name !== '.') names.push(name)
  }
  return names
}
