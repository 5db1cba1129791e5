import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Io, Socket, SocketHandler, Timer } from '../io/io.ts'
import { ConnectionMemory } from './connection-memory.ts'
import { ServingTurns } from './serving-turns.ts'
import { Connection } from './connection.ts'
import type { Answer, ConnectionHost, ReceivedRequest } from './connection.ts'

/** A socket whose peer is the test. */
class FakeSocket implements Socket {
  readonly remote = { host: '127.0.0.1', port: 50_000 }
  readonly local = { host: '127.0.0.1', port: 9092 }
  unsentBytes = 0
  sent: string[] = []
  paused = false
  /** Whether the peer takes what is sent, and whether the socket does. */
  takes = true
  refuses = false
  ended = false
  destroyed = false
  #handler: SocketHandler | undefined

  start(handler: SocketHandler): void {
    this.#handler = handler
  }

  /** The peer sends; returns false when the broker is not reading. */
  deliver(bytes: Buffer): boolean {
    if (this.paused) return false
    for (let position = 0; position < bytes.length && !this.destroyed;) {
      const target = this.#handler!.buffer()
      const count = Math.min(target.length, bytes.length - position)
      bytes.copy(target, 0, position, position + count)
      position += count
      this.#handler!.received(count)
    }
    return true
  }

  write(buffers: readonly Uint8Array[]): boolean {
    if (this.refuses) return false
    const bytes = Buffer.concat(buffers)
    this.sent.push(bytes.toString())
    if (!this.takes) this.unsentBytes += bytes.length
    return true
  }

  drain(): void {
    this.unsentBytes = 0
    this.takes = true
    this.#handler!.drained()
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }

  end(): void {
    this.ended = true
    this.#handler!.closed(undefined)
  }

  destroy(): void {
    if (this.destroyed) return
    this.destroyed = true
    this.#handler!.closed(undefined)
  }
}

/** Answers a request when the test says so. The first byte of a frame is its kind: `p` may start early, everything else may not. */
class FakeHost implements ConnectionHost {
  readonly limits = { requestBytesMax: 10_000_000, idleMsMax: 600_000 }
  readonly started: string[] = []
  readonly frames: Buffer[] = []
  whenSent: (name: string) => void = () => {}
  readonly failures: unknown[] = []
  closed = 0
  readonly #answers = new Map<string, (answer: Answer) => void>()
  nowMs = 0
  timers: { dueMs: number; callback: () => void }[] = []
  readonly io = {
    clock: {
      monotonicMs: () => this.nowMs,
      setTimer: (delayMs: number, callback: () => void): Timer => {
        const timer = { dueMs: this.nowMs + delayMs, callback }
        this.timers.push(timer)
        return { cancel: () => void (this.timers = this.timers.filter(each => each !== timer)) }
      },
    },
  } as unknown as Io
  readonly memory = new ConnectionMemory(
    this.io.clock,
    () => ({ requestBytes: 100_000_000, responseBytes: 100_000_000 }),
    [],
  )

  /** It is everybody's turn. */
  readonly turns = new ServingTurns({ ...this.io.clock, monotonicMs: () => 0, defer: () => {} })

  startsEarly(frame: Buffer): boolean {
    return frame[0] === 'p'.charCodeAt(0)
  }

  borrowsFrame(frame: Buffer): boolean {
    return frame[0] === 'p'.charCodeAt(0)
  }

  serveRequest({ frame }: ReceivedRequest): Answer | Promise<Answer> {
    const name = frame.toString('latin1', 0, 8).trim()
    this.started.push(name)
    this.frames.push(frame)
    if (name.endsWith('!')) throw new Error(`refused ${name}`)
    if (name.endsWith('.')) return { buffers: [Buffer.from(name)], sent: () => this.whenSent(name) }
    if (name.endsWith('0')) return undefined
    return new Promise(resolve => this.#answers.set(name, resolve))
  }

  async answer(name: string): Promise<void> {
    this.#answers.get(name)!({ buffers: [Buffer.from(name)] })
    await Promise.resolve()
    await Promise.resolve()
    await Promise.resolve()
  }

  onFailure(_connection: Connection, reason: unknown): void {
    this.failures.push(reason)
  }

  onClosed(): void {
    this.closed += 1
  }

  advance(ms: number): void {
    this.nowMs += ms
    for (const timer of this.timers.filter(each => each.dueMs <= this.nowMs)) {
      this.timers = this.timers.filter(each => each !== timer)
      timer.callback()
    }
  }
}

function setUp() {
  const host = new FakeHost()
  const socket = new FakeSocket()
  return { host, socket, connection: new Connection(host, socket, 1, 'PLAINTEXT') }
}

function frames(...bodies: (string | Buffer)[]): Buffer {
  return Buffer.concat(
    bodies.flatMap(body => {
      const prefix = Buffer.alloc(4)
      prefix.writeInt32BE(body.length)
      return [prefix, Buffer.from(body)]
    }),
  )
}

describe('Connection', () => {
  it('requests that may start early do, and are answered in their order', async () => {
    const { host, socket } = setUp()
    socket.deliver(frames('p1', 'p2', 'p3.'))
    assert.deepEqual(host.started, ['p1', 'p2', 'p3.'])
    await host.answer('p2')
    assert.deepEqual(socket.sent, [])
    await host.answer('p1')
    assert.deepEqual(socket.sent, ['p1p2p3.'])
  })

  it('a request that may not start early waits for all before it, and holds up all behind it', async () => {
    const { host, socket } = setUp()
    socket.deliver(frames('p1', 'f1', 'p2'))
    assert.deepEqual(host.started, ['p1'])
    await host.answer('p1')
    assert.deepEqual(host.started, ['p1', 'f1'])
    await host.answer('f1')
    assert.deepEqual(host.started, ['p1', 'f1', 'p2'])
  })

  it('a request without an answer lets the next one go on', () => {
    const { host, socket } = setUp()
    socket.deliver(frames('f0', 'g.'))
    assert.deepEqual(host.started, ['f0', 'g.'])
    assert.deepEqual(socket.sent, ['g.'])
  })

  it('too many waiting requests stop the reading until they have been served', async () => {
    const { host, socket } = setUp()
    socket.deliver(frames('f1', ...Array.from({ length: 300 }, () => 'g.')))
    assert.equal(socket.paused, true)
    await host.answer('f1')
    assert.equal(socket.paused, false)
    assert.equal(socket.sent.join(''), `f1${'g.'.repeat(300)}`)
  })

  it('too many waiting bytes stop the reading, those in flight counted', async () => {
    const { host, socket } = setUp()
    const large = Buffer.alloc(1_500_000, ' ')
    large.write('p1')
    socket.deliver(frames(large))
    assert.equal(socket.paused, false)
    large.write('p2')
    socket.deliver(frames(large))
    assert.equal(socket.paused, true)
    await host.answer('p1')
    assert.equal(socket.paused, false)
  })

  it('a peer that does not read its answers has no further request started', async () => {
    const { host, socket } = setUp()
    socket.unsentBytes = 9_000_000
    socket.deliver(frames('g.'))
    assert.deepEqual(host.started, [])
    assert.equal(socket.paused, true)
    socket.drain()
    assert.deepEqual(host.started, ['g.'])
    assert.equal(socket.paused, false)
  })

  it('a request that fails closes the connection, and nothing behind it is started', () => {
    const { host, socket } = setUp()
    socket.deliver(frames('a.', 'b!', 'c.'))
    assert.deepEqual(host.started, ['a.', 'b!'])
    assert.deepEqual(socket.sent, ['a.'])
    assert.equal(socket.destroyed, true)
    assert.equal(host.failures.length, 1)
    assert.equal(host.closed, 1)
  })

  it('bytes of another protocol close the connection with a reason that names it', () => {
    for (const [bytes, hint] of [
      [Buffer.from('GET / HTTP/1.1\r\n\r\n'), /HTTP/],
      [Buffer.from('160301020001fc0303', 'hex'), /TLS/],
    ] as const) {
      const { host, socket } = setUp()
      socket.deliver(bytes)
      assert.equal(socket.destroyed, true)
      assert.match((host.failures[0] as Error).message, hint)
    }
  })

  it('draining answers what is in flight, drops what is waiting, and ends', async () => {
    const { host, socket, connection } = setUp()
    socket.deliver(frames('f1', 'g.'))
    connection.drain()
    assert.equal(socket.ended, false)
    await host.answer('f1')
    assert.deepEqual(socket.sent, ['f1'])
    assert.deepEqual(host.started, ['f1'])
    assert.equal(socket.ended, true)
  })

  it('an idle connection is closed, one that waits for the broker is not', async () => {
    const { host, socket } = setUp()
    socket.deliver(frames('f1'))
    host.advance(600_000)
    assert.equal(socket.destroyed, false)
    await host.answer('f1')
    host.advance(600_000)
    host.advance(600_000)
    assert.equal(socket.destroyed, true)
  })

  it('an idle connection that waits for the broker is closed all the same when it does not take what it was answered before', () => {
    const { host, socket } = setUp()
    socket.takes = false
    socket.deliver(frames('a.', 'f1'))
    assert.deepEqual(host.started, ['a.', 'f1'])
    host.advance(600_000)
    assert.equal(socket.destroyed, true)
  })

  it('memory that an answer refers to is given back when the peer has taken it, in order, or the connection ends', () => {
    const { host, socket } = setUp()
    const given: string[] = []
    host.whenSent = name => given.push(name)
    socket.deliver(frames('a.'))
    assert.deepEqual(given, ['a.'])
    socket.takes = false
    socket.deliver(frames('b.', 'c.'))
    assert.deepEqual(given, ['a.'])
    socket.drain()
    assert.deepEqual(given, ['a.', 'b.', 'c.'])
    socket.takes = false
    socket.deliver(frames('d.'))
    assert.deepEqual(given, ['a.', 'b.', 'c.'])
    socket.destroy()
    assert.deepEqual(given, ['a.', 'b.', 'c.', 'd.'])
  })

  it('a socket that sends nothing any more does not pass for one that has sent what was written before', () => {
    const { host, socket } = setUp()
    const given: string[] = []
    host.whenSent = name => given.push(name)
    socket.takes = false
    socket.deliver(frames('a.'))
    socket.refuses = true
    socket.deliver(frames('b.'))
    assert.deepEqual(given, ['b.'])
  })

  it('a frame that is only lent is copied for whoever does not know that, and for who has to wait', async () => {
    const { host, socket } = setUp()
    socket.deliver(frames('p1', 'f1', 'p2'))
    socket.deliver(frames('x'.repeat(30)))
    await host.answer('p1')
    await host.answer('f1')
    assert.deepEqual(host.started, ['p1', 'f1', 'p2'])
    assert.deepEqual(
      host.frames.slice(1).map(frame => frame.toString()),
      ['f1', 'p2'],
    )
  })

  it('listeners hear of the close once, also when it has happened already', () => {
    const { socket, connection } = setUp()
    const heard: string[] = []
    const forgotten = {}
    connection.onceClosed({}, () => heard.push('early'))
    connection.onceClosed(forgotten, () => heard.push('forgotten'))
    connection.forgetOnceClosed(forgotten)
    socket.destroy()
    connection.onceClosed({}, () => heard.push('late'))
    assert.deepEqual(heard, ['early', 'late'])
  })
})
