/**
 * The simulated `Disk` of one life of a process, over the `Volume` of its machine, which outlives it.
 *
 * An operation takes the time that the faults say and takes effect when it ends, in an event of its own, just before its promise settles. When the process dies
 * meanwhile, the promise never settles, and the effect is there, half there or not, by the seed.
 */

import { crc32 } from 'node:zlib'
import { assert } from '../std/assert.ts'
import type { SeededRandom } from '../std/random.ts'
import type { DirectoryEntry, Disk, DiskFile, DiskLock, FileStat, OpenOptions } from './io.ts'
import { CrashedError, type EventQueue, type Life } from './memory-events.ts'
import type { DiskFaults, DiskOperation, DiskOperationKind } from './memory-faults.ts'
import { byCodeUnit, normalPath, type Volume, VolumeError, type VolumeFile, type VolumeNode } from './memory-volume.ts'

/** What the disk of every life of one machine shares. */
export interface DiskHost {
  readonly events: EventQueue
  readonly volume: Volume
  faults: DiskFaults
  readonly random: SeededRandom
  /** Lock files, by path, and the life that holds each. */
  readonly locks: Map<string, Life>
  wallClockMs(): number
}

/** A change of the disk that has begun and not ended. */
interface Mutation {
  /** Does a part of it, from 0 (nothing) to 1 (all). */
  readonly applyPart: (part: number) => void
}

export class MemoryDisk implements Disk {
  readonly #host: DiskHost
  readonly #life: Life
  readonly #underWay = new Set<Mutation>()
  readonly #openFiles = new Set<MemoryFile>()

  constructor(host: DiskHost, life: Life) {
    this.#host = host
    this.#life = life
  }

  /** Paths of the files that are open, for tests that look for leaks. */
  get openPaths(): string[] {
    return [...this.#openFiles].map(file => file.path).sort(byCodeUnit)
  }

  /** The process has died: what was under way is left as far as it got, and everything it held is given back. */
  crash(): void {
    assert(!this.#life.alive, () => `${this.#life.name} lives`)
    for (const mutation of this.#underWay) mutation.applyPart(this.#host.random.pick([0, 1, this.#host.random.float()]))
    this.#underWay.clear()
    for (const file of this.#openFiles) this.#host.volume.release(file.node)
    this.#openFiles.clear()
    for (const [path, life] of this.#host.locks) if (life === this.#life) this.#host.locks.delete(path)
  }

  async open(path: string, options: OpenOptions = {}): Promise<DiskFile> {
    const { write = false, create = false, exclusive = false } = options
    assert(write || !create, `${path} is to be created, but not for writing`)
    return this.mutate('open', path, 0, 0, '', () => {
      const { volume } = this.#host
      const found = volume.find(path)
      if (found !== undefined && create && exclusive) throw new VolumeError('EEXIST', 'open', path)
      const missing = found === undefined && create
      const node = missing ? volume.createFile(path, this.#host.wallClockMs()) : volume.findFile(path, 'open')
      volume.retain(node)
      const file = new MemoryFile(this, this.#host, path, node, write)
      this.#openFiles.add(file)
      return file
    })
  }

  async list(path: string): Promise<DirectoryEntry[]> {
    return this.ask('list', path, 0, 0, () => this.#list(path))
  }

  listSync(path: string): DirectoryEntry[] {
    return this.now('list', path, 0, 0, '', () => this.#list(path))
  }

  async stat(path: string): Promise<FileStat | undefined> {
    return this.ask('stat', path, 0, 0, () => toFileStat(this.#host.volume.find(path)))
  }

  statSync(path: string): FileStat | undefined {
    return this.now('stat', path, 0, 0, '', () => toFileStat(this.#host.volume.find(path)))
  }

  async readFile(path: string): Promise<Uint8Array> {
    return this.ask('read', path, 0, 0, () => this.#readFile(path))
  }

  readFileSync(path: string): Uint8Array {
    return this.now('read', path, 0, 0, '', () => this.#readFile(path))
  }

  async makeDirectory(path: string): Promise<void> {
    return this.mutate('makeDirectory', path, 0, 0, '', () => this.#host.volume.makeDirectory(path))
  }

  async rename(from: string, to: string): Promise<void> {
    return this.mutate('rename', from, 0, 0, to, () => this.#host.volume.rename(from, to))
  }

  async remove(path: string): Promise<void> {
    return this.mutate('remove', path, 0, 0, '', () => this.#host.volume.remove(path))
  }

  async removeDirectory(path: string): Promise<void> {
    const apply = (part: number): void => {
      // A crash leaves some of the names below, by how far it got; 32 is more than most directories of ours hold.
      this.#host.volume.removeDirectory(path, part === 1 ? Number.POSITIVE_INFINITY : Math.floor(part * 32))
    }
    return this.mutate('removeDirectory', path, 0, 0, '', () => apply(1), apply)
  }

  async syncDirectory(path: string): Promise<void> {
    return this.mutate('syncDirectory', path, 0, 0, '', () => {
      this.#host.volume.syncDirectory(this.#host.volume.findDirectory(path, 'fsync'))
    })
  }

  async lock(path: string): Promise<DiskLock | undefined> {
    return this.mutate('lock', path, 0, 0, '', () => {
      const { volume, locks } = this.#host
      const key = normalPath(path)
      if (volume.find(path) === undefined) volume.createFile(path, this.#host.wallClockMs())
      volume.findFile(path, 'lock')
      if (locks.has(key)) return undefined
      locks.set(key, this.#life)
      return {
        release: async () => {
          if (locks.get(key) === this.#life) locks.delete(key)
        },
      }
    })
  }

  async space(path: string): Promise<{ totalBytes: number; usableBytes: number }> {
    return this.ask('space', path, 0, 0, () => {
      const { volume } = this.#host
      if (volume.find(path) === undefined) throw new VolumeError('ENOENT', 'statfs', path)
      return {
        totalBytes: volume.capacityBytes,
        usableBytes: Math.max(0, volume.capacityBytes - volume.usedBytes),
      }
    })
  }

  forget(file: MemoryFile): void {
    this.#openFiles.delete(file)
    this.#host.volume.release(file.node)
  }

  /** An asynchronous call that changes nothing. */
  ask<T>(kind: DiskOperationKind, path: string, position: number, bytes: number, effect: () => T): Promise<T> {
    return this.#later({ kind, path, position, bytes }, '', effect, undefined)
  }

  /** An asynchronous call that changes the disk. `applyPart` does a part of the effect at a crash; without it, it is the whole or nothing. */
  mutate<T>(
    kind: DiskOperationKind,
    path: string,
    position: number,
    bytes: number,
    detail: string,
    effect: () => T,
    applyPart?: (part: number) => void,
  ): Promise<T> {
    const wholeOrNothing = (part: number): void => {
      if (part < 1) return
      try {
        effect()
      } catch (error) {
        if (!(error instanceof VolumeError)) throw error
      }
    }
    return this.#later({ kind, path, position, bytes }, detail, effect, { applyPart: applyPart ?? wholeOrNothing })
  }

  /** A synchronous call. */
  now<T>(kind: DiskOperationKind, path: string, position: number, bytes: number, detail: string, effect: () => T): T {
    if (!this.#life.alive) throw new CrashedError(`${this.#life.name} is dead and calls ${kind} ${path}`)
    const operation = { kind, path, position, bytes }
    const code = this.#host.faults.failure(operation)
    this.#trace(operation, `sync ${code ?? detail}`)
    if (code !== undefined) throw new VolumeError(code, kind, path)
    return effect()
  }

  #later<T>(operation: DiskOperation, detail: string, effect: () => T, mutation: Mutation | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!this.#life.alive) return
      const { faults, events } = this.#host
      const code = faults.failure(operation)
      if (mutation !== undefined && code === undefined) this.#underWay.add(mutation)
      events.schedule(faults.latencyMs(operation), this.#life, () => {
        if (mutation !== undefined) this.#underWay.delete(mutation)
        this.#trace(operation, code ?? detail)
        if (code !== undefined) return reject(new VolumeError(code, operation.kind, operation.path))
        try {
          resolve(effect())
        } catch (error) {
          reject(error)
        }
      })
    })
  }

  #trace(operation: DiskOperation, detail: string): void {
    const { kind, path, position, bytes } = operation
    const extent = bytes > 0 ? ` ${position}+${bytes}` : ''
    this.#host.events.trace(this.#life.name, `${kind} ${path}${extent}${detail === '' ? '' : ` ${detail}`}`)
  }

  #list(path: string): DirectoryEntry[] {
    const directory = this.#host.volume.findDirectory(path, 'scandir')
    const entries = [...directory.entries].map(([name, node]) => ({ name, directory: node.kind === 'directory' }))
    return entries.sort((a, b) => byCodeUnit(a.name, b.name))
  }

  #readFile(path: string): Uint8Array {
    const { current } = this.#host.volume.findFile(path, 'open')
    const bytes = new Uint8Array(current.length)
    current.read(bytes, 0)
    this.#host.faults.corrupt({ kind: 'read', path, position: 0, bytes: bytes.length }, bytes)
    return bytes
  }
}

class MemoryFile implements DiskFile {
  readonly path: string
  readonly node: VolumeFile
  readonly #disk: MemoryDisk
  readonly #host: DiskHost
  readonly #writable: boolean
  #calls = 0
  #closing = false
  #onQuiet: (() => void) | undefined

  constructor(disk: MemoryDisk, host: DiskHost, path: string, node: VolumeFile, writable: boolean) {
    this.#disk = disk
    this.#host = host
    this.path = path
    this.node = node
    this.#writable = writable
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    assert(position >= 0, () => `read of ${this.path} at ${position}`)
    return this.#call(async () => {
      let filled = 0
      // As the real one: what comes short is asked for again.
      for (let rest = target; ; rest = target.subarray(filled)) {
        const at = position + filled
        const piece = await this.#disk.ask('read', this.path, at, rest.length, () => this.#read(rest, at))
        filled += piece.bytes
        if (piece.isAll || filled === target.length) return filled
      }
    })
  }

  readNow(target: Uint8Array, position: number): number | undefined {
    this.#assertOpen()
    const operation = { kind: 'read', path: this.path, position, bytes: target.length } as const
    if (!this.#host.faults.isAtHand(operation)) return undefined
    let filled = 0
    for (let rest = target; ; rest = target.subarray(filled)) {
      const at = position + filled
      const piece = this.#disk.now('read', this.path, at, rest.length, '', () => this.#read(rest, at))
      filled += piece.bytes
      if (piece.isAll || filled === target.length) return filled
    }
  }

  async writev(buffers: readonly Uint8Array[], position: number): Promise<void> {
    assert(position >= 0, () => `write to ${this.path} at ${position}`)
    const bytes = totalBytes(buffers)
    const digest = digestOf(buffers)
    const effect = (): void => {
      assert(digestOf(buffers) === digest, () => `buffers changed while they were written to ${this.path}`)
      this.#write(buffers, position)
    }
    const applyPart = (part: number): void => {
      let rest = Math.floor(bytes * part)
      let at = position
      for (const buffer of buffers) {
        const taken = buffer.subarray(0, rest)
        this.#host.volume.write(this.node, taken, at, this.#host.wallClockMs())
        at += taken.length
        rest -= taken.length
      }
    }
    await this.#call(() => this.#disk.mutate('write', this.path, position, bytes, digest, effect, applyPart))
  }

  writevSync(buffers: readonly Uint8Array[], position: number): void {
    this.#assertOpen()
    this.#disk.now('write', this.path, position, totalBytes(buffers), digestOf(buffers), () =>
      this.#write(buffers, position),
    )
  }

  async sync(): Promise<void> {
    const { volume } = this.#host
    // What is written while the sync is under way may miss it.
    const { sequence } = volume
    await this.#call(async () => {
      try {
        await this.#disk.mutate('sync', this.path, 0, 0, '', () => volume.syncFile(this.node, sequence, false))
      } catch (error) {
        volume.syncFile(this.node, sequence, true)
        throw error
      }
    })
  }

  async truncate(length: number): Promise<void> {
    await this.#call(() =>
      this.#disk.mutate('truncate', this.path, 0, 0, `to ${length}`, () => {
        this.#assertWritable('ftruncate')
        this.#host.volume.truncate(this.node, length, this.#host.wallClockMs())
      }),
    )
  }

  async size(): Promise<number> {
    return this.#call(() => this.#disk.ask('size', this.path, 0, 0, () => this.node.current.length))
  }

  async close(): Promise<void> {
    this.#assertOpen()
    this.#closing = true
    if (this.#calls > 0) {
      await new Promise<void>(quiet => {
        this.#onQuiet = quiet
      })
    }
    try {
      await this.#disk.ask('close', this.path, 0, 0, () => {})
    } finally {
      // As with the system's descriptors, a close that fails has closed.
      this.#disk.forget(this)
    }
  }

  /** What one call of the system gives, and whether that is all there is. */
  #read(target: Uint8Array, position: number): { bytes: number; isAll: boolean } {
    const { faults } = this.#host
    const asked: DiskOperation = { kind: 'read', path: this.path, position, bytes: target.length }
    const thereBytes = this.node.current.read(target, faults.readPosition(asked))
    const operation: DiskOperation = { ...asked, bytes: thereBytes }
    const bytes = thereBytes === 0 ? 0 : faults.readLength(operation)
    assert(bytes <= thereBytes && (bytes > 0 || thereBytes === 0), () => `${bytes} of ${thereBytes} bytes were read`)
    faults.corrupt(operation, target.subarray(0, bytes))
    return { bytes, isAll: bytes === thereBytes }
  }

  #write(buffers: readonly Uint8Array[], position: number): void {
    this.#assertWritable('write')
    let at = position
    for (const buffer of buffers) {
      const written = this.#host.volume.write(this.node, buffer, at, this.#host.wallClockMs())
      if (written < buffer.length) throw new VolumeError('ENOSPC', 'write', this.path)
      at += written
    }
  }

  async #call<T>(operation: () => Promise<T>): Promise<T> {
    this.#assertOpen()
    this.#calls += 1
    try {
      return await operation()
    } finally {
      this.#calls -= 1
      if (this.#calls === 0) this.#onQuiet?.()
    }
  }

  #assertOpen(): void {
    assert(!this.#closing, () => `${this.path} was used after it was closed`)
  }

  #assertWritable(operation: string): void {
    if (!this.#writable) throw new VolumeError('EBADF', operation, this.path)
  }
}

function toFileStat(node: VolumeNode | undefined): FileStat | undefined {
  if (node === undefined) return undefined
  if (node.kind === 'directory') return { directory: true, sizeBytes: 0, modifiedMs: 0 }
  return { directory: false, sizeBytes: node.current.length, modifiedMs: node.modifiedMs }
}

function totalBytes(buffers: readonly Uint8Array[]): number {
  let bytes = 0
  for (const buffer of buffers) bytes += buffer.length
  return bytes
}

function digestOf(buffers: readonly Uint8Array[]): string {
  let digest = 0
  for (const buffer of buffers) digest = crc32(buffer, digest)
  return digest.toString(16)
}
