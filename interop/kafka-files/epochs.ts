/** A partition of several leader epochs, written by Ottla's log as a leader that was elected several times would write it; and what readers are to see of it. */
import { createNodeIo } from '../../src/io/node.ts'
import { DEFAULT_LOG_CONFIG } from '../../src/log/log-config.ts'
import { LogManager } from '../../src/log/log-manager.ts'
import type { Log } from '../../src/log/log.ts'
import { KafkaConnection } from '../../src/net/kafka-connection.ts'
import { apis } from '../../src/protocol/apis.ts'
import { buildBatch } from '../../src/protocol/records/builder.ts'
import type { BatchOptions } from '../../src/protocol/records/builder.ts'
import { buildEndTransactionBatch } from '../../src/protocol/records/control.ts'
import { silentLogging } from '../../src/std/logger.ts'

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
const epochCount = 4

export type Written = {
  /** As KafkaFiles.java says what it reads, without the partition and the isolation level. */
  readonly records: readonly { readonly text: string; readonly isAborted: boolean }[]
  readonly endOffset: number
}

export type WrittenEpochs = {
  readonly records: Written
  /** Behind each leader epoch. */
  readonly endOffsets: readonly number[]
}

/** The broker of the data folder has been stopped. */
export async function writeEpochs(dataDir: string, topic: string, baseMs: number): Promise<WrittenEpochs> {
  const opened = await LogManager.open(createNodeIo(), {
    directories: [dataDir],
    nodeId: 1,
    clusterId: undefined,
    configFor: () => DEFAULT_LOG_CONFIG,
    logging: silentLogging(),
    cacheBudgetBytes: 0,
    retentionCheckIntervalMs: 3_600_000,
    flushOffsetCheckpointIntervalMs: 60_000,
    flushStartOffsetCheckpointIntervalMs: 60_000,
    highWatermarkCheckpointIntervalMs: 5_000,
    producerIdExpirationMs: 86_400_000,
    verifyTransactions: false,
    recoveryThreadsPerDirectory: 1,
    onDirectoryOffline: (path, cause) => {
      throw new Error(`${path} went offline: ${cause.message}`)
    },
  })
  if (!opened.ok) throw new Error(opened.error.message)
  const { manager } = opened
  const log = manager.get(topic, 0)
  if (log === undefined) throw new Error(`${dataDir} has no ${topic}-0`)
  const writer = new Writer(log, baseMs)
  const endOffsets: number[] = []
  for (let epoch = 0; epoch < epochCount; epoch += 1) {
    await writer.epoch(epoch)
    endOffsets.push(log.logEndOffset)
  }
  await log.flush()
  log.updateHighWatermark(log.writtenEndOffset)
  const records = { records: writer.records, endOffset: log.logEndOffset }
  await manager.close()
  return { records, endOffsets }
}

class Writer {
  readonly records: { text: string; isAborted: boolean }[] = []
  readonly #log: Log
  #timestampMs: number
  #sequence = 0
  #transactions = 0

  constructor(log: Log, baseMs: number) {
    this.#log = log
    this.#timestampMs = baseMs
  }

  async epoch(leaderEpoch: number): Promise<void> {
    for (const compression of codecs) {
      this.#append(
        leaderEpoch,
        3,
        { compression, producerId: 900, producerEpoch: 0, baseSequence: this.#sequence },
        false,
      )
      this.#sequence += 3
    }
    await this.#log.roll()
    for (const type of ['COMMIT', 'ABORT'] as const) {
      const identity = { producerId: 901, producerEpoch: this.#transactions++ }
      this.#append(leaderEpoch, 2, { ...identity, baseSequence: 0, isTransactional: true }, type === 'ABORT')
      const marker = buildEndTransactionBatch(
        { type, coordinatorEpoch: 0 },
        { ...identity, timestampMs: this.#timestampMs },
      )
      this.#log.appendAsLeader(marker, { leaderEpoch, origin: 'coordinator' })
    }
  }

  #append(leaderEpoch: number, count: number, options: BatchOptions, isAborted: boolean): void {
    const inputs = Array.from({ length: count }, (_, index) => ({
      timestampMs: (this.#timestampMs += 1),
      key: Buffer.from(`key ${index}`),
      value: Buffer.from(`epoch ${leaderEpoch}`),
      headers: [{ key: 'h', value: null }],
    }))
    const outcome = this.#log.appendAsLeader(buildBatch(inputs, options), { leaderEpoch, origin: 'client' })
    if (outcome.kind !== 'appended') throw new Error(`${outcome.kind} in epoch ${leaderEpoch}`)
    for (const [index, { timestampMs, key, value }] of inputs.entries()) {
      const text = `${outcome.firstOffset + index} CreateTime ${timestampMs} '${key.toString('hex')}' '${value.toString('hex')}' h=null`
      this.records.push({ text, isAborted })
    }
  }
}

/** What is read when the partition, which was empty, holds these records. */
export function withRecords(lines: readonly string[], partition: string, { records, endOffset }: Written): string[] {
  return lines.flatMap(line => {
    const isolation = new RegExp(`^partition ${partition} (\\S+) 0 0$`).exec(line)?.[1]
    if (isolation === undefined) return [line]
    const seen = records.filter(record => isolation === 'read_uncommitted' || !record.isAborted)
    return [
      `partition ${partition} ${isolation} 0 ${endOffset}`,
      ...seen.map(({ text }) => `${partition} ${isolation} ${text}`),
    ]
  })
}

/** What a broker that serves the partition says of its leader epochs. */
export async function epochProblem(
  port: number,
  topic: string,
  endOffsets: readonly number[],
): Promise<string | undefined> {
  const io = createNodeIo()
  const connection = await KafkaConnection.connect(io, {
    host: '127.0.0.1',
    port,
    clientId: 'interop',
    timeoutMs: 30_000,
  })
  try {
    for (const [leaderEpoch, endOffset] of endOffsets.entries()) {
      const partitions = [{ partition: 0, currentLeaderEpoch: -1, leaderEpoch }]
      const answer = await connection.request(apis.OffsetForLeaderEpoch, {
        replicaId: -2,
        topics: [{ topic, partitions }],
      })
      const said = answer.topics[0]!.partitions[0]!
      if (said.errorCode !== 0 || said.endOffset !== endOffset) {
        return `epoch ${leaderEpoch}: error ${said.errorCode}, epoch ${said.leaderEpoch} ends at ${said.endOffset}, and not at ${endOffset}`
      }
    }
    return undefined
  } finally {
    connection.close()
  }
}
