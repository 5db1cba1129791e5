/**
 * More load than a broker can serve, from a process of its own: producers that keep their connection full of requests whatever comes back, with acks=all and
 * with acks=0, consumers that read as fast as they are served, and consumers that ask for much and read little. Run with a port; ends when it is killed.
 *
 * Once a second it writes a line with what it has seen: answers, errors, bytes that were read, and how many connections the broker did not take more from.
 */

import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { apis } from '../src/protocol/apis.ts'
import { batchOf, produceBody, requestBytes } from './hostile.fixture.ts'

const port = Number(process.argv[2])

/** As many as a connection's memory and the broker's limits for one let it have on the way. */
const producers = 24
const unanswered = 4
const consumers = 8
const slowConsumers = 8
const overloadTopic = { name: 'overload', partitions: 8 }
const batchBytes = 128 * 1024
const requestsAhead = 64
/** Once this waits in the client its system is full, and with it the broker's. */
const writtenAheadBytesMax = 8 * 1024 * 1024

/** What it writes about itself. */
export interface Seen {
  readonly answers: number
  readonly errors: number
  readonly readBytes: number
  /** Connections that the broker takes no more from at the moment. */
  readonly heldBack: number
  readonly closed: number
}

const seen = { answers: 0, errors: 0, readBytes: 0, heldBack: 0, closed: 0 }
const sockets: Socket[] = []

const batch = batchOf([Buffer.alloc(batchBytes, 'x')])

function produceRequest(partition: number, acks: number): Buffer {
  return requestBytes(apis.Produce, 9, 1, produceBody(overloadTopic.name, new Map([[partition, batch]]), acks))
}

function fetchRequest(partition: number): Buffer {
  const partitionMaxBytes = 4 * 1024 * 1024
  return requestBytes(apis.Fetch, 12, 1, {
    maxWaitMs: 100,
    minBytes: 1,
    maxBytes: partitionMaxBytes,
    topics: [{ topic: overloadTopic.name, partitions: [{ partition, fetchOffset: 0, partitionMaxBytes }] }],
    forgottenTopicsData: [],
  })
}

/** Counts answers by their length prefixes, without keeping them. */
class Answers {
  #prefix: number[] = []
  #left = 0

  /** How many have begun in this piece. */
  take(chunk: Buffer): number {
    let count = 0
    for (let at = 0; at < chunk.length;) {
      if (this.#left > 0) {
        const skipped = Math.min(this.#left, chunk.length - at)
        this.#left -= skipped
        at += skipped
        continue
      }
      this.#prefix.push(chunk[at]!)
      at += 1
      if (this.#prefix.length < 4) continue
      this.#left = Buffer.from(this.#prefix).readInt32BE()
      this.#prefix = []
      count += 1
    }
    return count
  }
}

function open(index: number, kind: 'all' | 'none' | 'fetch' | 'slow'): void {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  sockets.push(socket)
  const partition = index % overloadTopic.partitions
  const request =
    kind === 'all' || kind === 'none' ? produceRequest(partition, kind === 'all' ? -1 : 0) : fetchRequest(partition)
  const answers = new Answers()
  const fill = (): void => {
    while (socket.writableLength < writtenAheadBytesMax && !socket.destroyed) socket.write(request)
  }
  socket.on('connect', () => {
    if (kind === 'none') setInterval(fill, 10)
    else for (let i = 0; i < requestsAhead; i++) socket.write(request)
  })
  socket.on('data', chunk => {
    seen.readBytes += chunk.length
    const count = answers.take(chunk)
    seen.answers += count
    for (let i = 0; i < count; i++) socket.write(request)
    if (kind !== 'slow') return
    socket.pause()
    setTimeout(() => socket.resume(), 200)
  })
  socket.on('error', () => (seen.errors += 1))
  socket.on('close', () => (seen.closed += 1))
}

for (let i = 0; i < producers; i++) open(i, 'all')
for (let i = 0; i < unanswered; i++) open(i, 'none')
for (let i = 0; i < consumers; i++) open(i, 'fetch')
for (let i = 0; i < slowConsumers; i++) open(i, 'slow')

setInterval(() => {
  seen.heldBack = sockets.filter(socket => socket.writableLength > 0).length
  console.log(JSON.stringify(seen))
}, 250)
