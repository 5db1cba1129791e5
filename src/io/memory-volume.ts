/**
 * The medium under a simulated disk: files and directories as the operating system shows them, and beside them what would be left
 * after a power cut.
 *
 * A write is visible at once and is durable only after a sync of its file; a new, renamed or removed name is durable only after a sync of its directory.
 * What is not yet durable is kept as a list of changes, so that a power cut can keep any of them and lose the others. It is stricter
 * than most file systems, as the promises of POSIX are.
 */

import { assert } from '../std/assert.ts'
import type { SeededRandom } from '../std/random.ts'
import type { PowerCut } from './power-cut.ts'

export class VolumeError extends Error {
  readonly code: string

  constructor(code: string, operation: string, path: string) {
    super(`${code}: ${operation} '${path}'`)
    this.code = code
  }
}

/** Bytes that grow as they are written to; what was never written is zero. */
class Content {
  #array = new Uint8Array(0)
  length = 0

  read(target: Uint8Array, position: number): number {
    const bytes = Math.max(0, Math.min(target.length, this.length - position))
    if (bytes > 0) target.set(this.#array.subarray(position, position + bytes))
    return bytes
  }

  write(bytes: Uint8Array, position: number): void {
    this.setLength(Math.max(this.length, position + bytes.length))
    this.#array.set(bytes, position)
  }

  setLength(length: number): void {
    if (length > this.#array.length) {
      const grown = new Uint8Array(Math.max(length, this.#array.length * 2, 256))
      grown.set(this.#array.subarray(0, this.length))
      this.#array = grown
    } else if (length < this.length) {
      this.#array.fill(0, length, this.length)
    }
    this.length = length
  }

  flip(position: number, mask: number): void {
    assert(position < this.length, () => `no byte ${position} in ${this.length}`)
    this.#array[position] = this.#array[position]! ^ mask
  }

  copy(): Content {
    const copy = new Content()
    copy.#array = this.#array.slice(0, this.length)
    copy.length = this.length
    return copy
  }
}

interface FileChange {
  readonly sequence: number
  /** The new end of the file when it was cut or extended; undefined for a write. */
  readonly length: number | undefined
  readonly position: number
  readonly bytes: Uint8Array
  /** A sync of it has failed: the system believes it clean, no later sync writes it, a power cut may lose it. */
  limbo: boolean
  /** It made the file longer by all its bytes. */
  isAppended: boolean
}

export class VolumeFile {
  readonly kind = 'file'
  current = new Content()
  durable = new Content()
  changes: FileChange[] = []
  modifiedMs = 0
  /** Names that lead here, and open files. At zero its space is free. */
  references = 0
}

export class VolumeDirectory {
  readonly kind = 'directory'
  entries = new Map<string, VolumeNode>()
  durableEntries = new Map<string, VolumeNode>()
}

export type VolumeNode = VolumeFile | VolumeDirectory

/** What one call changes of names: all of it or nothing, also in a power cut. */
interface NameChange {
  readonly sequence: number
  readonly assignments: readonly {
    readonly directory: VolumeDirectory
    readonly name: string
    readonly node: VolumeNode | undefined
  }[]
}

/** What has just happened to a volume, in the words of the calls that do it. */
export const volumeEvents = ['write', 'truncate', 'sync', 'create', 'rename', 'unlink', 'sync directory'] as const
export type VolumeEvent = (typeof volumeEvents)[number]

/** How a power cut treats the changes of one file or of all names. */
type Fate = 'none' | 'all' | 'prefix' | 'subset'
const fates: readonly Fate[] = ['none', 'all', 'prefix', 'subset']

/** The units in which a disk writes; a write that is under way is torn between them. */
const sectorSizes = [512, 4096]

/** What a power cut took: how many changes of each kind. */
export interface PowerLoss {
  /** Creations, renames and removals. */
  namesLost: number
  /** Wholly or in part. */
  writesLost: number
  /** Kept, though an earlier one of the same file was lost. */
  writesReordered: number
  /** Of those lost, the ones of which single sectors of that size may be there. */
  tornAt512: number
  tornAt4096: number
}

const noLoss: PowerLoss = { namesLost: 0, writesLost: 0, writesReordered: 0, tornAt512: 0, tornAt4096: 0 }

export class Volume {
  readonly root = new VolumeDirectory()
  /** May be changed at any time. */
  capacityBytes: number
  /** Told of everything that changes what a power cut would leave, once it has taken effect. */
  observer: ((event: VolumeEvent) => void) | undefined
  #usedBytes = 0
  #nameChanges: NameChange[] = []
  #sequence = 0

  constructor(capacityBytes: number) {
    this.capacityBytes = capacityBytes
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** The sequence number of the next change: a sync that starts now covers those below it. */
  get sequence(): number {
    return this.#sequence
  }

  /** The sequence numbers of the changes that are not durable lie in [first, end). */
  get unsynced(): { first: number; end: number } {
    let first = this.#nameChanges[0]?.sequence ?? this.#sequence
    for (const file of this.#files(this.root, 'durableEntries')) {
      first = Math.min(first, file.changes[0]?.sequence ?? first)
    }
    return { first, end: this.#sequence }
  }

  find(path: string): VolumeNode | undefined {
    const found = this.#walk(path)
    return typeof found === 'string' ? undefined : found
  }

  findFile(path: string, operation: string): VolumeFile {
    const found = this.#walk(path)
    if (typeof found === 'string') throw new VolumeError(found, operation, path)
    if (found.kind === 'directory') throw new VolumeError('EISDIR', operation, path)
    return found
  }

  findDirectory(path: string, operation: string): VolumeDirectory {
    const found = this.#walk(path)
    if (typeof found === 'string') throw new VolumeError(found, operation, path)
    if (found.kind === 'file') throw new VolumeError('ENOTDIR', operation, path)
    return found
  }

  createFile(path: string, nowMs: number): VolumeFile {
    const { directory, name } = this.#parent(path, 'open')
    const file = new VolumeFile()
    file.modifiedMs = nowMs
    this.#assign([{ directory, name, node: file }])
    return file
  }

  makeDirectory(path: string): void {
    let directory = this.root
    for (const name of splitPath(path)) {
      let node = directory.entries.get(name)
      if (node === undefined) {
        node = new VolumeDirectory()
        this.#assign([{ directory, name, node }])
      }
      if (node.kind === 'file') throw new VolumeError(this.find(path) === node ? 'EEXIST' : 'ENOTDIR', 'mkdir', path)
      directory = node
    }
  }

  rename(from: string, to: string): void {
    const source = this.#parent(from, 'rename')
    const target = this.#parent(to, 'rename')
    const node = source.directory.entries.get(source.name)
    if (node === undefined) throw new VolumeError('ENOENT', 'rename', from)
    const replaced = target.directory.entries.get(target.name)
    if (replaced === node) return
    if (node.kind === 'directory' && `${normalPath(to)}/`.startsWith(`${normalPath(from)}/`)) {
      throw new VolumeError('EINVAL', 'rename', to)
    }
    if (replaced !== undefined) {
      if (node.kind === 'directory' && replaced.kind === 'file') throw new VolumeError('ENOTDIR', 'rename', to)
      if (node.kind === 'file' && replaced.kind === 'directory') throw new VolumeError('EISDIR', 'rename', to)
      if (replaced.kind === 'directory' && replaced.entries.size > 0) throw new VolumeError('ENOTEMPTY', 'rename', to)
    }
    this.#assign([
      { ...source, node: undefined },
      { ...target, node },
    ])
  }

  remove(path: string): void {
    const node = this.find(path)
    if (node === undefined) return
    if (node.kind === 'directory') throw new VolumeError('EPERM', 'unlink', path)
    this.#assign([{ ...this.#parent(path, 'unlink'), node: undefined }])
  }

  /** Removes what is below first, each name a change of its own; `limit` stops it half way, as a crash does. */
  removeDirectory(path: string, limit = Number.POSITIVE_INFINITY): void {
    const node = this.find(path)
    if (node === undefined) return
    let rest = limit
    const removeNode = (directory: VolumeDirectory, name: string, target: VolumeNode): void => {
      if (target.kind === 'directory') {
        for (const [childName, child] of target.entries) removeNode(target, childName, child)
      }
      if (rest <= 0) return
      rest -= 1
      this.#assign([{ directory, name, node: undefined }])
    }
    const { directory, name } = this.#parent(path, 'rm')
    removeNode(directory, name, node)
  }

  /** Makes the names in this directory durable. */
  syncDirectory(directory: VolumeDirectory): void {
    const rest: NameChange[] = []
    for (const change of this.#nameChanges) {
      if (change.assignments.some(assignment => assignment.directory === directory)) applyDurably(change)
      else rest.push(change)
    }
    this.#nameChanges = rest
    this.observer?.('sync directory')
  }

  /** Writes as much as there is room for, and says how much that was. */
  write(file: VolumeFile, bytes: Uint8Array, position: number, nowMs: number): number {
    const roomBytes = Math.max(0, this.capacityBytes - this.#usedBytes)
    const end = Math.min(position + bytes.length, Math.max(file.current.length, file.current.length + roomBytes))
    const fitting = Math.max(0, end - position)
    if (fitting > 0) {
      // The copy is the change's own: the caller's memory and the file's content both go on changing.
      // Not its own `slice`: that of a Buffer is no copy.
      const copy = new Uint8Array(bytes.subarray(0, fitting))
      this.#change(
        file,
        { sequence: this.#sequence++, length: undefined, position, bytes: copy, limbo: false, isAppended: false },
        nowMs,
      )
    }
    return fitting
  }

  truncate(file: VolumeFile, length: number, nowMs: number): void {
    const change = {
      sequence: this.#sequence++,
      length,
      position: 0,
      bytes: new Uint8Array(0),
      limbo: false,
      isAppended: false,
    }
    this.#change(file, change, nowMs)
  }

  /** Makes the changes below `sequence` durable. After a failed sync they are in limbo instead. */
  syncFile(file: VolumeFile, sequence: number, failed: boolean): void {
    const rest: FileChange[] = []
    for (const change of file.changes) {
      const covered = change.sequence < sequence && !change.limbo
      if (covered && failed) change.limbo = true
      if (covered && !failed) applyChange(file.durable, change)
      else rest.push(change)
    }
    // An end of the file that could not be written is not written later over a newer one.
    file.changes = rest.filter(({ limbo, length }) => !limbo || length === undefined || failed)
    this.observer?.('sync')
  }

  retain(file: VolumeFile): void {
    if (file.references === 0) this.#usedBytes += file.current.length
    file.references += 1
  }

  release(file: VolumeFile): void {
    file.references -= 1
    assert(file.references >= 0, 'a file was released more often than retained')
    if (file.references === 0) this.#usedBytes -= file.current.length
  }

  /** Flips bits of a byte on the medium, in what is read now and in what is left after a power cut. */
  rot(path: string, position: number, mask: number): void {
    const file = this.findFile(path, 'rot')
    file.current.flip(position, mask)
    if (position < file.durable.length) file.durable.flip(position, mask)
  }

  /** Whether everything on the volume would survive a power cut as it is. */
  get isDurable(): boolean {
    return this.#nameChanges.length === 0 && this.#files(this.root, 'entries').every(file => file.changes.length === 0)
  }

  /**
   * The power goes: of what is not durable, the seed decides what is left: nothing, all, what came first, or any part, with writes torn at
   * sector borders. No file may be open.
   */
  loseUnsynced(random: SeededRandom): PowerLoss {
    const fate = random.pick(fates)
    const kept = this.#nameChanges.filter(keeper(random, fate, this.#nameChanges.length))
    for (const change of kept) applyDurably(change)
    const loss: PowerLoss = { ...noLoss, namesLost: this.#nameChanges.length - kept.length }
    this.#nameChanges = []
    // Files in the order of their names, so that the seed alone decides.
    for (const file of this.#files(this.root, 'durableEntries')) loseChanges(file, random, loss)
    this.#usedBytes = 0
    this.#restore(this.root)
    for (const file of this.#files(this.root, 'entries')) this.#usedBytes += file.current.length
    return loss
  }

  /**
   * The power goes, and `cut` says of each change that is not durable what becomes of it. No file may be open. The volume of a machine goes on with what is left; that of
   * a copy is an image to start from.
   */
  cutPower(cut: PowerCut): void {
    for (const change of this.#nameChanges) if (cut.keepsName(change.sequence)) applyDurably(change)
    this.#nameChanges = []
    for (const file of this.#files(this.root, 'durableEntries')) {
      for (const change of file.changes) cutShort(file.durable, change, cut)
      file.changes = []
    }
    this.#usedBytes = 0
    this.#restore(this.root)
    for (const file of this.#files(this.root, 'entries')) this.#usedBytes += file.current.length
  }

  /**
   * A volume of its own that is as this one is now, with what is durable and what is not. Files that are open and have no name any more are not in it: the copy is for another
   * process to begin with.
   */
  copy(): Volume {
    const copy = new Volume(this.capacityBytes)
    const copies = new Map<VolumeNode, VolumeNode>([[this.root, copy.root]])
    const copyOf = (node: VolumeNode): VolumeNode => {
      const known = copies.get(node)
      if (known !== undefined) return known
      const made = node.kind === 'file' ? copyFile(node) : new VolumeDirectory()
      copies.set(node, made)
      if (node.kind === 'directory') copyEntries(node, made as VolumeDirectory)
      return made
    }
    const copyEntries = (from: VolumeDirectory, to: VolumeDirectory): void => {
      for (const [name, node] of from.entries) to.entries.set(name, copyOf(node))
      for (const [name, node] of from.durableEntries) to.durableEntries.set(name, copyOf(node))
    }
    copyEntries(this.root, copy.root)
    copy.#sequence = this.#sequence
    copy.#nameChanges = this.#nameChanges.map(({ sequence, assignments }) => ({
      sequence,
      assignments: assignments.map(({ directory, name, node }) => ({
        directory: copyOf(directory) as VolumeDirectory,
        name,
        node: node && copyOf(node),
      })),
    }))
    for (const file of copy.#files(copy.root, 'entries')) copy.retain(file)
    return copy
  }

  /** The process has died in its last write, which made a file longer: a part of that is there. False when there was no such write. */
  interruptLastWrite(random: SeededRandom): boolean {
    let last: { file: VolumeFile; change: FileChange } | undefined
    for (const file of this.#files(this.root, 'entries')) {
      const change = file.changes.at(-1)
      if (change !== undefined && change.sequence > (last?.change.sequence ?? -1)) last = { file, change }
    }
    if (last?.change.isAppended !== true) return false
    const { file, change } = last
    const bytes = change.bytes.subarray(0, random.below(change.bytes.length))
    this.#usedBytes -= change.bytes.length - bytes.length
    file.current.setLength(change.position + bytes.length)
    file.changes[file.changes.length - 1] = { ...change, bytes }
    return true
  }

  #change(file: VolumeFile, change: FileChange, nowMs: number): void {
    const lengthBefore = file.current.length
    applyChange(file.current, change)
    change.isAppended = change.bytes.length > 0 && file.current.length - lengthBefore === change.bytes.length
    file.changes.push(change)
    file.modifiedMs = nowMs
    if (file.references > 0) this.#usedBytes += file.current.length - lengthBefore
    this.observer?.(change.length === undefined ? 'write' : 'truncate')
  }

  #assign(assignments: NameChange['assignments']): void {
    for (const { directory, name, node } of assignments) {
      const before = directory.entries.get(name)
      if (node?.kind === 'file') this.retain(node)
      if (before?.kind === 'file') this.release(before)
      if (node === undefined) directory.entries.delete(name)
      else directory.entries.set(name, node)
    }
    this.#nameChanges.push({ sequence: this.#sequence++, assignments })
    if (assignments.length > 1) this.observer?.('rename')
    else this.observer?.(assignments[0]!.node === undefined ? 'unlink' : 'create')
  }

  /** What is at the path, or the code that says why there is nothing. */
  #walk(path: string): VolumeNode | 'ENOENT' | 'ENOTDIR' {
    let node: VolumeNode = this.root
    for (const name of splitPath(path)) {
      if (node.kind === 'file') return 'ENOTDIR'
      const child = node.entries.get(name)
      if (child === undefined) return 'ENOENT'
      node = child
    }
    return node
  }

  #parent(path: string, operation: string): { directory: VolumeDirectory; name: string } {
    const names = splitPath(path)
    const name = names.pop()
    if (name === undefined) throw new VolumeError('EBUSY', operation, path)
    return { directory: this.findDirectory(`/${names.join('/')}`, operation), name }
  }

  #files(directory: VolumeDirectory, which: 'entries' | 'durableEntries'): VolumeFile[] {
    const names = [...directory[which].keys()].sort(byCodeUnit)
    return names.flatMap(name => {
      const node = directory[which].get(name)!
      return node.kind === 'file' ? [node] : this.#files(node, which)
    })
  }

  /** Makes what is durable what is there. */
  #restore(directory: VolumeDirectory): void {
    directory.entries = new Map(directory.durableEntries)
    for (const node of directory.entries.values()) {
      if (node.kind === 'directory') {
        this.#restore(node)
      } else {
        node.current = node.durable.copy()
        node.references = 1
      }
    }
  }
}

function applyChange(content: Content, change: FileChange): void {
  if (change.length === undefined) content.write(change.bytes, change.position)
  else content.setLength(change.length)
}

function applyDurably(change: NameChange): void {
  for (const { directory, name, node } of change.assignments) {
    if (node === undefined) directory.durableEntries.delete(name)
    else directory.durableEntries.set(name, node)
  }
}

function cutShort(content: Content, change: FileChange, cut: PowerCut): void {
  const fate = cut.fateOf(change.sequence)
  if (fate === 'kept') return applyChange(content, change)
  if (fate === 'lost' || change.length !== undefined) return
  const end = change.position + change.bytes.length
  // The end of a file is recorded apart from its bytes: where it has moved before them, there are zeros.
  if (fate.movesEnd) content.setLength(Math.max(content.length, end))
  if (fate.sectorBytes === undefined) return
  for (let start = change.position; start < end;) {
    const next = Math.min(end, (Math.floor(start / fate.sectorBytes) + 1) * fate.sectorBytes)
    if (cut.keepsSector()) {
      content.write(change.bytes.subarray(start - change.position, next - change.position), start)
    }
    start = next
  }
}

function copyFile(file: VolumeFile): VolumeFile {
  const copy = new VolumeFile()
  copy.current = file.current.copy()
  copy.durable = file.durable.copy()
  copy.changes = file.changes.map(change => ({ ...change }))
  copy.modifiedMs = file.modifiedMs
  return copy
}

/** Decides for each of so many changes, in their order, whether it is kept. */
function keeper(random: SeededRandom, fate: Fate, count: number): () => boolean {
  if (fate === 'subset') return () => random.chance(0.5)
  let rest = fate === 'all' ? count : fate === 'prefix' ? random.below(count + 1) : 0
  return () => rest-- > 0
}

/** Makes durable what the seed keeps of a file's changes; notes what is lost, wholly or in part. */
function loseChanges(file: VolumeFile, random: SeededRandom, loss: PowerLoss): void {
  if (file.changes.length === 0) return
  const keep = keeper(random, random.pick(fates), file.changes.length)
  const torn = random.chance(0.5)
  let lostBefore = false
  for (const change of file.changes) {
    if (keep()) {
      if (lostBefore) loss.writesReordered += 1
      applyChange(file.durable, change)
      continue
    }
    lostBefore = true
    loss.writesLost += 1
    if (change.length !== undefined) continue
    // The end of the file is recorded apart from its bytes: it may have moved before they were written, which leaves zeros.
    if (random.chance(0.25))
      file.durable.setLength(Math.max(file.durable.length, change.position + change.bytes.length))
    if (torn) keepSectors(file.durable, change, random, loss)
  }
  file.changes = []
}

function keepSectors(content: Content, change: FileChange, random: SeededRandom, loss: PowerLoss): void {
  const sectorBytes = random.pick(sectorSizes)
  if (sectorBytes === 512) loss.tornAt512 += 1
  else loss.tornAt4096 += 1
  const end = change.position + change.bytes.length
  for (let start = change.position; start < end;) {
    const next = Math.min(end, (Math.floor(start / sectorBytes) + 1) * sectorBytes)
    if (random.chance(0.5)) {
      content.write(change.bytes.subarray(start - change.position, next - change.position), start)
    }
    start = next
  }
}

export function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The names on the way to a path; `.` and `..` are resolved, a relative path starts at the root. */
function splitPath(path: string): string[] {
  const names: string[] = []
  for (const name of path.split('/')) {
    if (name === '..') names.pop()
    else if (name !== '' && name !== '.') names.push(name)
  }
  return names
}

export function normalPath(path: string): string {
  return `/${splitPath(path).join('/')}`
}
