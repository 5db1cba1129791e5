/** A disk and files that pass everything on to others: for those that do one thing more, and are otherwise what they stand before. */
import type { DirectoryEntry, Disk, DiskFile, DiskLock, FileStat, OpenOptions } from './io.ts'

export class ForwardingDisk implements Disk {
  protected readonly disk: Disk

  constructor(disk: Disk) {
    this.disk = disk
  }

  open(path: string, options?: OpenOptions): Promise<DiskFile> {
    return this.disk.open(path, options)
  }

  list(path: string): Promise<DirectoryEntry[]> {
    return this.disk.list(path)
  }

  listSync(path: string): DirectoryEntry[] {
    return this.disk.listSync(path)
  }

  stat(path: string): Promise<FileStat | undefined> {
    return this.disk.stat(path)
  }

  statSync(path: string): FileStat | undefined {
    return this.disk.statSync(path)
  }

  readFile(path: string): Promise<Uint8Array> {
    return this.disk.readFile(path)
  }

  readFileSync(path: string): Uint8Array {
    return this.disk.readFileSync(path)
  }

  makeDirectory(path: string): Promise<void> {
    return this.disk.makeDirectory(path)
  }

  rename(from: string, to: string): Promise<void> {
    return this.disk.rename(from, to)
  }

  remove(path: string): Promise<void> {
    return this.disk.remove(path)
  }

  removeDirectory(path: string): Promise<void> {
    return this.disk.removeDirectory(path)
  }

  syncDirectory(path: string): Promise<void> {
    return this.disk.syncDirectory(path)
  }

  lock(path: string): Promise<DiskLock | undefined> {
    return this.disk.lock(path)
  }

  space(path: string): Promise<{ totalBytes: number; usableBytes: number }> {
    return this.disk.space(path)
  }
}

export class ForwardingFile implements DiskFile {
  protected readonly file: DiskFile

  constructor(file: DiskFile) {
    this.file = file
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return this.file.read(target, position)
  }

  readNow(target: Uint8Array, position: number): number | undefined {
    return this.file.readNow(target, position)
  }

  writev(buffers: readonly Uint8Array[], position: number): Promise<void> {
    return this.file.writev(buffers, position)
  }

  writevSync(buffers: readonly Uint8Array[], position: number): void {
    this.file.writevSync(buffers, position)
  }

  sync(): Promise<void> {
    return this.file.sync()
  }

  truncate(length: number): Promise<void> {
    return this.file.truncate(length)
  }

  size(): Promise<number> {
    return this.file.size()
  }

  close(): Promise<void> {
    return this.file.close()
  }
}
