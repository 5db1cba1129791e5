/**
 * The real `Disk`: Node's file system calls over plain file descriptors.
 *
 * Descriptors rather than `FileHandle`s, because those cost more a call, and because the garbage collector closes the ones that were
 * forgotten, which hides leaks. Asynchronous calls run on libuv's pool, a handful of threads for the whole process (name resolution
 * and compression too), so `Gate`s for each device keep one slow disk from taking all of them.
 */

import * as fs from 'node:fs'
import { dirname, resolve } from 'node:path'
import { assert } from '../std/assert.ts'
import type { Clock, DirectoryEntry, Disk, DiskFile, DiskLock, FileStat, OpenOptions } from './io.ts'
import { deviceFor } from './node-device.ts'
import type { Device, Gate } from './node-device.ts'
import { takeFileLock } from './node-lock.ts'

const onWindows = process.platform === 'win32'

/** How often, and how long after the last time, a call is repeated on Windows while a virus scanner or a reader has the file open. */
const windowsRetries = 20
const windowsRetryMs = 50

/** The most that one `writev` takes is IOV_MAX buffers, 1,024 on every system we know. */
const buffersPerWriteMax = 1024

const smallFileBytesMax = 4096

export class NodeDisk implements Disk {
  /** By device number. A stalled disk fills its own gates and no others. */
  readonly #devices = new Map<number, Device>()
  /** The device of each directory in which a lock is held: those that a broker works in. */
  readonly #directories: { readonly prefix: string; readonly device: Device }[] = []
  /** For paths elsewhere. */
  readonly #elsewhere: Device
  readonly #threads: number
  /** Lock files that this process holds. Closing any descriptor of one would drop the kernel's lock on it, so none is ever opened here. */
  readonly #lockedPaths = new Set<string>()
  #smallFile: Buffer | undefined

  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
    this.#threads = Number(process.env['UV_THREADPOOL_SIZE']) || 4
    this.#elsewhere = deviceFor(this.#threads, this.#clock)
  }

  async open(path: string, options: OpenOptions = {}): Promise<DiskFile> {
    this.#assertNotLocked(path)
    const { write = false, create = false, exclusive = false } = options
    assert(write || !create, `${path} is to be created, but not for writing`)
    const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL } = fs.constants
    const flags = (write ? O_RDWR : O_RDONLY) | (create ? O_CREAT : 0) | (create && exclusive ? O_EXCL : 0)
    const fd = await this.#pathGate(path).run<number>(callback => fs.open(path, flags, callback))
    try {
      // The file is open already: this asks the kernel's memory, not the disk.
      return new NodeFile(path, fd, this.#device(fs.fstatSync(fd).dev))
    } catch (error) {
      fs.closeSync(fd)
      throw error
    }
  }

  async list(path: string): Promise<DirectoryEntry[]> {
    const entries = await this.#pathGate(path).run<fs.Dirent[]>(callback =>
      fs.readdir(path, { withFileTypes: true }, callback),
    )
    const links = entries.filter(entry => entry.isSymbolicLink())
    const targets = await Promise.all(links.map(link => this.stat(`${path}/${link.name}`)))
    const linkedDirectories = new Set(links.filter((_, index) => targets[index]?.directory).map(link => link.name))
    return sortedByName(entries, name => linkedDirectories.has(name))
  }

  listSync(path: string): DirectoryEntry[] {
    return sortedByName(
      fs.readdirSync(path, { withFileTypes: true }),
      name => this.statSync(`${path}/${name}`)?.directory === true,
    )
  }

  async stat(path: string): Promise<FileStat | undefined> {
    return this.#pathGate(path).run<FileStat | undefined>(callback => {
      fs.stat(path, (error, stats) => {
        if (error === null) callback(null, toFileStat(stats))
        else callback(meansMissing(error) ? null : error, undefined)
      })
    })
  }

  statSync(path: string): FileStat | undefined {
    try {
      return toFileStat(fs.statSync(path))
    } catch (error) {
      if (meansMissing(error)) return undefined
      throw error
    }
  }

  async readFile(path: string): Promise<Uint8Array> {
    this.#assertNotLocked(path)
    return this.#pathGate(path).run<Buffer>(callback => fs.readFile(path, callback))
  }

  /** A start reads some for each of ten thousand logs: into memory that is there already, without asking for their size first. */
  readFileSync(path: string): Uint8Array {
    this.#assertNotLocked(path)
    const fd = fs.openSync(path, fs.constants.O_RDONLY)
    try {
      const memory = (this.#smallFile ??= Buffer.allocUnsafeSlow(smallFileBytesMax))
      const bytes = fs.readSync(fd, memory, 0, memory.length, 0)
      return bytes < memory.length ? Buffer.from(memory.subarray(0, bytes)) : fs.readFileSync(fd)
    } finally {
      fs.closeSync(fd)
    }
  }

  async makeDirectory(path: string): Promise<void> {
    try {
      await this.#pathGate(path).run<void>(callback => fs.mkdir(path, error => callback(error)))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EEXIST' && (await this.stat(path))?.directory === true) return
      // Not left to Node's own recursion: that never ends where the parent is there and takes no folders, as in /proc.
      const parent = dirname(path)
      if (code !== 'ENOENT' || parent === path || (await this.stat(parent)) !== undefined) throw error
      await this.makeDirectory(parent)
      await this.makeDirectory(path)
    }
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#pathGate(from).run<void>(callback =>
      retryOnWindows(again => fs.rename(from, to, error => again(error)), callback),
    )
  }

  async remove(path: string): Promise<void> {
    await this.#pathGate(path).run<void>(callback =>
      retryOnWindows(again => fs.unlink(path, error => again(meansMissing(error) ? null : error)), callback),
    )
  }

  async removeDirectory(path: string): Promise<void> {
    const options = {
      recursive: true,
      force: true,
      maxRetries: onWindows ? windowsRetries : 0,
      retryDelay: windowsRetryMs,
    }
    await this.#pathGate(path).run<void>(callback => fs.rm(path, options, error => callback(error)))
  }

  async syncDirectory(path: string): Promise<void> {
    if (onWindows) return
    // As long as the sync of a file, and among as many.
    await this.#deviceOf(path).files.run<void>(callback => {
      fs.open(path, fs.constants.O_RDONLY, (openError, fd) => {
        if (openError !== null) return callback(openError)
        fs.fsync(fd, syncError => {
          fs.close(fd, closeError => {
            // Some file systems cannot sync a directory and say so; there is nothing that we could do instead.
            callback(syncError !== null && syncError.code !== 'EINVAL' ? syncError : closeError)
          })
        })
      })
    })
  }

  async lock(path: string): Promise<DiskLock | undefined> {
    const fullPath = resolve(path)
    if (this.#lockedPaths.has(fullPath)) return undefined
    const lock = takeFileLock(fullPath)
    if (lock === undefined) return undefined
    this.#lockedPaths.add(fullPath)
    const folder = dirname(path)
    const directory = { prefix: `${folder}/`, device: this.#device(fs.statSync(folder).dev) }
    this.#directories.push(directory)
    return {
      release: async () => {
        this.#directories.splice(this.#directories.indexOf(directory), 1)
        this.#lockedPaths.delete(fullPath)
        lock.release()
      },
    }
  }

  async space(path: string): Promise<{ totalBytes: number; usableBytes: number }> {
    const stats = await this.#pathGate(path).run<fs.StatsFs>(callback => fs.statfs(path, callback))
    return { totalBytes: stats.blocks * stats.bsize, usableBytes: stats.bavail * stats.bsize }
  }

  #device(number: number): Device {
    let device = this.#devices.get(number)
    if (device === undefined) {
      device = deviceFor(this.#threads, this.#clock)
      this.#devices.set(number, device)
    }
    return device
  }

  #deviceOf(path: string): Device {
    return this.#directories.find(({ prefix }) => path.startsWith(prefix))?.device ?? this.#elsewhere
  }

  #pathGate(path: string): Gate {
    return this.#deviceOf(path).paths
  }

  #assertNotLocked(path: string): void {
    if (this.#lockedPaths.size === 0) return
    assert(!this.#lockedPaths.has(resolve(path)), () => `${path} is locked; opening and closing it would drop the lock`)
  }
}

class NodeFile implements DiskFile {
  readonly #path: string
  readonly #fd: number
  readonly #device: Device
  /** Asynchronous calls under way or waiting at the gate. The descriptor is closed after the last: a new file may get its number. */
  #calls = 0
  #closing = false
  #onQuiet: (() => void) | undefined

  constructor(path: string, fd: number, device: Device) {
    this.#path = path
    this.#fd = fd
    this.#device = device
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    assert(position >= 0, () => `read of ${this.#path} at ${position}`)
    return this.#call(async () => {
      let filledBytes = 0
      while (filledBytes < target.length) {
        const offset = filledBytes
        const bytes = await this.#device.files.run<number>(
          callback => fs.read(this.#fd, target, offset, target.length - offset, position + offset, callback),
          target.length - offset,
        )
        if (bytes === 0) break
        filledBytes += bytes
      }
      return filledBytes
    })
  }

  readNow(target: Uint8Array, position: number): number | undefined {
    this.#assertOpen()
    if (this.#device.files.isStalled) return undefined
    return this.#device.quickReads.run(target.length, () => {
      let filledBytes = 0
      while (filledBytes < target.length) {
        const rest = target.length - filledBytes
        const bytes = fs.readSync(this.#fd, target, filledBytes, rest, position + filledBytes)
        if (bytes === 0) break
        filledBytes += bytes
      }
      return filledBytes
    })
  }

  async writev(buffers: readonly Uint8Array[], position: number): Promise<void> {
    assert(position >= 0, () => `write to ${this.#path} at ${position}`)
    await this.#call(async () => {
      const rest = new Unwritten(buffers)
      while (rest.bytes > 0) {
        const at = position + rest.writtenBytes
        const next = rest.next()
        rest.written(
          await this.#device.files.run<number>(callback => fs.writev(this.#fd, next, at, callback), rest.bytes),
        )
      }
    })
  }

  writevSync(buffers: readonly Uint8Array[], position: number): void {
    this.#assertOpen()
    const rest = new Unwritten(buffers)
    while (rest.bytes > 0) rest.written(fs.writevSync(this.#fd, rest.next(), position + rest.writtenBytes))
  }

  async sync(): Promise<void> {
    await this.#call(() => this.#device.files.run<void>(callback => fs.fdatasync(this.#fd, error => callback(error))))
  }

  async truncate(length: number): Promise<void> {
    await this.#call(() =>
      this.#device.files.run<void>(callback => fs.ftruncate(this.#fd, length, error => callback(error))),
    )
  }

  async size(): Promise<number> {
    const stats = await this.#call(() => this.#device.files.run<fs.Stats>(callback => fs.fstat(this.#fd, callback)))
    return stats.size
  }

  async close(): Promise<void> {
    this.#assertOpen()
    this.#closing = true
    if (this.#calls > 0) {
      await new Promise<void>(quiet => {
        this.#onQuiet = quiet
      })
    }
    await this.#device.files.run<void>(callback => fs.close(this.#fd, error => callback(error ?? null)))
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
    assert(!this.#closing, () => `${this.#path} was used after it was closed`)
  }
}

/** What is left of a gathered write: the system may take less than it was given, and takes only so many buffers at a time. */
class Unwritten {
  readonly #buffers: readonly Uint8Array[]
  readonly #totalBytes: number
  #index = 0
  /** How much of the buffer at the index is written. */
  #offset = 0
  writtenBytes = 0

  constructor(buffers: readonly Uint8Array[]) {
    this.#buffers = buffers
    let totalBytes = 0
    for (const buffer of buffers) totalBytes += buffer.length
    this.#totalBytes = totalBytes
  }

  get bytes(): number {
    return this.#totalBytes - this.writtenBytes
  }

  next(): Uint8Array[] {
    if (this.#index === 0 && this.#offset === 0 && this.#buffers.length <= buffersPerWriteMax) {
      return this.#buffers as Uint8Array[]
    }
    const next = this.#buffers.slice(this.#index, this.#index + buffersPerWriteMax)
    next[0] = next[0]!.subarray(this.#offset)
    return next
  }

  written(bytes: number): void {
    assert(bytes > 0 && bytes <= this.bytes, () => `${bytes} of ${this.bytes} bytes were written`)
    this.writtenBytes += bytes
    this.#offset += bytes
    while (this.#index < this.#buffers.length && this.#offset >= this.#buffers[this.#index]!.length) {
      this.#offset -= this.#buffers[this.#index]!.length
      this.#index += 1
    }
  }
}

function sortedByName(entries: fs.Dirent[], linksToDirectory: (name: string) => boolean): DirectoryEntry[] {
  const sorted = entries.map(entry => ({
    name: entry.name,
    directory: entry.isSymbolicLink() ? linksToDirectory(entry.name) : entry.isDirectory(),
  }))
  return sorted.sort((a, b) => (a.name < b.name ? -1 : 1))
}

function toFileStat(stats: fs.Stats): FileStat {
  return { directory: stats.isDirectory(), sizeBytes: stats.size, modifiedMs: Math.floor(stats.mtimeMs) }
}

/** Nothing at that path, or a file where one of its directories should be. */
function meansMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | null)?.code
  return code === 'ENOENT' || code === 'ENOTDIR'
}

function retryOnWindows(
  attempt: (again: (error: NodeJS.ErrnoException | null) => void) => void,
  callback: (error: NodeJS.ErrnoException | null, value: void) => void,
): void {
  let retries = 0
  const run = (): void => {
    attempt(error => {
      const code = error?.code
      const inUse = code === 'EBUSY' || code === 'EPERM' || code === 'EACCES'
      if (!onWindows || !inUse || retries === windowsRetries) return callback(error)
      retries += 1
      setTimeout(run, windowsRetryMs)
    })
  }
  run()
}
