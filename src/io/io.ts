/**
 * Everything that Ottla may ask of the outside world, as one value that is passed down from the entry point.
 *
 * `node.ts` is the real implementation and `memory.ts` the simulated one; `contract.test.ts` holds both to the same behaviour.
 * No other module touches a clock, a timer, a file, a socket or randomness, which is what lets a whole cluster run in one process
 * under a seeded simulator.
 */

export interface Io {
  readonly clock: Clock
  readonly disk: Disk
  readonly network: Network
  readonly random: Random
  readonly compute: Compute
}

export interface Clock {
  /** Wall clock in milliseconds since 1970, a whole number. It may jump either way. */
  nowMs(): number
  /** Milliseconds since an arbitrary start, with fractions; never goes back. For durations and deadlines. */
  monotonicMs(): number
  /** Calls `callback` once after `delayMs` (0 and more; long delays are allowed, beyond 2^31 too). A pending timer does not keep the process alive. */
  setTimer(delayMs: number, callback: () => void): Timer
  /** Calls `callback` once after the I/O events of this turn have been handled: where work of several events is gathered into one write. */
  defer(callback: () => void): void
}

export interface Timer {
  /** After this the callback will not be called. Harmless when it already was. */
  cancel(): void
}

export interface Random {
  /** A float in [0, 1). */
  float(): number
  /** A whole number in [0, bound), bound ≤ 2^32. */
  below(bound: number): number
  /** Cryptographically strong in production. */
  bytes(length: number): Uint8Array
}

export interface Compute {
  /**
   * Runs heavy pure work (compression, key derivation) of about `costBytes` bytes: inline when that is small, in a turn of its own
   * when it is large, with a virtual delay in simulation.
   */
  run<T>(costBytes: number, work: () => T): Promise<T>
}

/** What a disk operation fails with; `code` is the system's (`ENOENT`, `EEXIST`, `ENOSPC`, `EIO`, `EACCES`, `EROFS`, `EMFILE`, `EBUSY`, …). */
export interface DiskError extends Error {
  readonly code: string
}

/**
 * Files and directories. Paths are absolute or relative to the working directory, with `/`. Every failure is a `DiskError`.
 * The `…Sync` calls are for starting up, before anything is served, and for the short writes of the append path.
 */
export interface Disk {
  /** Opens a file for reading, and for writing when `write` is set. `create` makes it when it is missing, `exclusive` fails with EEXIST when it is not. */
  open(path: string, options?: OpenOptions): Promise<DiskFile>
  /** Names and kinds in a directory, sorted by name (code unit order). ENOENT when it is missing. */
  list(path: string): Promise<DirectoryEntry[]>
  listSync(path: string): DirectoryEntry[]
  /** `undefined` when there is nothing at that path. */
  stat(path: string): Promise<FileStat | undefined>
  statSync(path: string): FileStat | undefined
  /** The whole file; ENOENT when it is missing. For small files. */
  readFile(path: string): Promise<Uint8Array>
  readFileSync(path: string): Uint8Array
  /** Makes a directory and its missing parents; no error when it is there. */
  makeDirectory(path: string): Promise<void>
  /** Atomic within one directory tree; replaces a file at `to`. On Windows, retries while another process has either open. */
  rename(from: string, to: string): Promise<void>
  /** Removes a file. No error when it is missing. */
  remove(path: string): Promise<void>
  /** Removes a directory with all it holds. No error when it is missing. */
  removeDirectory(path: string): Promise<void>
  /** Makes entries of a directory durable (fsync of the directory; nothing on Windows, where it is neither possible nor needed). */
  syncDirectory(path: string): Promise<void>
  /**
   * Takes the exclusive lock that the file at `path` stands for, creating it where missing; `undefined` when another process, or another holder
   * in this one, has it. An operating-system lock: it ends with the process however that dies, and Kafka's own lock on the same file is honoured, and ours by Kafka.
   */
  lock(path: string): Promise<DiskLock | undefined>
  /** Size and free space of the file system that holds `path`. */
  space(path: string): Promise<{ totalBytes: number; usableBytes: number }>
}

export interface OpenOptions {
  readonly write?: boolean
  readonly create?: boolean
  readonly exclusive?: boolean
}

export interface DirectoryEntry {
  readonly name: string
  readonly directory: boolean
}

export interface FileStat {
  readonly directory: boolean
  readonly sizeBytes: number
  readonly modifiedMs: number
}

export interface DiskLock {
  release(): Promise<void>
}

/** An open file. Positions are explicit; nothing keeps a cursor. No call may follow `close`. */
export interface DiskFile {
  /** Reads into `target` from `position`; returns how many bytes there were, fewer than asked only at the end of the file. */
  read(target: Uint8Array, position: number): Promise<number>
  /**
   * As `read`, but at once, where the device is quick at present; `undefined` where it is not, and nothing is read then. For a few kilobytes that the system is likely to have in
   * memory: everything waits for this call, and if it has not, for the disk.
   */
  readNow(target: Uint8Array, position: number): number | undefined
  /** Writes all buffers one behind the other from `position`, wholly or fails. The buffers must not change until it settles. */
  writev(buffers: readonly Uint8Array[], position: number): Promise<void>
  writevSync(buffers: readonly Uint8Array[], position: number): void
  /** Makes data and size durable (fdatasync). Never retried after a failure: see RELIABILITY. */
  sync(): Promise<void>
  truncate(length: number): Promise<void>
  size(): Promise<number>
  close(): Promise<void>
}

export interface Network {
  /** Accepts connections until closed. Port 0 picks a free one. Fails with a `code` (`EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`). */
  listen(options: ListenOptions, onConnection: (socket: Socket) => void): Promise<Listener>
  /** Connects, or fails with a `code` (`ECONNREFUSED`, `ETIMEDOUT`, …). */
  connect(host: string, port: number, timeoutMs: number): Promise<Socket>
  /** A plain HTTP server for metrics, health and the console. */
  listenHttp(options: ListenOptions, handler: (request: HttpRequest) => Promise<HttpResponse>): Promise<Listener>
}

export interface ListenOptions {
  readonly host: string
  readonly port: number
  /** How many connections may wait to be accepted. */
  readonly backlog?: number
}

export interface Listener {
  readonly host: string
  readonly port: number
  /** Stops accepting; connections that were accepted live on. */
  close(): Promise<void>
}

export interface Address {
  readonly host: string
  readonly port: number
}

/**
 * A connected stream with TCP_NODELAY and keepalive. Nothing is read before `start`.
 * Reading goes straight into memory that the receiver chooses, so that a large request is received without a copy.
 */
export interface Socket {
  readonly remote: Address
  readonly local: Address
  start(handler: SocketHandler): void
  /** Sends all buffers as one gathered write. They must not change until sent. False when nothing is sent any more: after `end`, `destroy` or a failure, or when the peer has ended. */
  write(buffers: readonly Uint8Array[]): boolean
  /** Bytes given to `write` that the system has not taken yet. */
  readonly unsentBytes: number
  /** Stops and restarts reading: back-pressure towards the peer. */
  pause(): void
  resume(): void
  /** Sends what was written, then closes. What still arrives is dropped. A peer that does not take what was written holds it open: see `destroy`. */
  end(): void
  /** Closes at once, dropping what was not sent. */
  destroy(): void
}

export interface SocketHandler {
  /** Memory for the next bytes, at least one byte long. Asked before each read; it may be shared by many sockets, since `received` copies out of it before it returns. */
  buffer(): Uint8Array
  /** `length` bytes have arrived at the start of the memory that `buffer` gave last. */
  received(length: number): void
  /** `unsentBytes` has fallen to zero after having been above it. */
  drained(): void
  /**
   * Called once, last: after either side closed, or with the error that broke the connection. When the peer ends, what was written to it before
   * is still sent, and nothing written after.
   */
  closed(error: Error | undefined): void
}

export interface HttpRequest {
  readonly method: string
  /** Path without query. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

export interface HttpResponse {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
}
