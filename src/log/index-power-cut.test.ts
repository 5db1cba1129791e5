/** Indexes that are being built anew when the power goes: what is left of them says nothing that is not true of the log. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildEndTransactionBatch } from '../protocol/records/control.ts'
import { simulate } from '../sim/simulator.ts'
import { SeededRandom } from '../std/random.ts'
import { accepted, append, committed, openLog, smallConfig, written } from './log.fixture.ts'

const configFor = () => ({ ...smallConfig, segmentBytes: 100_000, indexIntervalBytes: 0, retentionMs: -1 })
/** Their entries fill several sectors of each index. */
const batchCount = 150
/** What comes behind it is older, so that the time index alone tells of it where the offset index is believed. */
const newest = 100
const timestampOf = (value: number): number => (value <= newest ? 1000 + 10 * value : 1000)

for (const which of ['rolled segment', 'recovered segment'] as const) {
  test(`lookups by timestamp are right whatever a power cut leaves of the indexes of a ${which} that are being built anew`, async () => {
    for (let seed = 0; seed < 120; seed++) {
      await simulate(seed, async simulator => {
        const random = new SeededRandom(seed)
        const machine = simulator.machine('a')
        const first = await openLog(machine.boot(), { configFor })
        for (let value = 0; value < batchCount; value++)
          append(first.log, [`${value}`], { timestampMs: timestampOf(value) })
        await committed(first.log)
        if (which === 'rolled segment') await first.log.roll()
        else await first.log.flush()
        // The checkpoint is written.
        await simulator.sleep(61_000)
        machine.crash()
        // An entry in its middle, so that it is not believed.
        const name = random.chance(0.5) ? 'index' : 'timeindex'
        machine.volume.rot(`/data/t-0/00000000000000000000.${name}`, 500, 64)
        // All is written, and nothing is known to be durable.
        const syncing = new Promise<void>(resolve => {
          machine.faults.onOperation = ({ kind, path }) => {
            if (kind === 'sync' && path === '/data/t-0/00000000000000000000.index') resolve()
          }
        })
        const opening = openLog(machine.boot(), { configFor })
        if (which === 'rolled segment') {
          const { log } = await opening
          // Both come to the entry.
          void log.lookupTimestamp(timestampOf(42))
          void log.read({ offset: 62, maxBytes: 1, minOneBatch: true, upTo: batchCount })
        } else opening.catch(() => {})
        const atAnyTime = simulator.sleep(random.float() * 12)
        await (random.chance(0.3) ? atAnyTime : Promise.race([syncing, simulator.sleep(50)]))
        machine.losePower(random)
        const { manager, log } = await openLog(machine.boot(), { configFor })
        await written(log)
        for (let value = 0; value <= newest; value++) {
          const found = await log.lookupTimestamp(timestampOf(value) - 1)
          assert.ok(
            found !== undefined && 'offset' in found && found.offset === value,
            `${seed}, ${value}: ${JSON.stringify(found)}`,
          )
        }
        const largest = await log.maxTimestamp()
        assert.ok(
          largest !== undefined && 'offset' in largest && largest.offset === newest,
          `${seed}: ${JSON.stringify(largest)}`,
        )
        await manager.close()
      })
    }
  })
}

for (const which of ['rolled segment', 'recovered segment'] as const) {
  test(`aborted transactions are told whatever a crash leaves of the index of a ${which} that is being built anew (P4)`, async () => {
    for (let seed = 0; seed < 120; seed++) {
      await simulate(seed, async simulator => {
        const random = new SeededRandom(seed)
        const machine = simulator.machine('a')
        const first = await openLog(machine.boot(), { configFor })
        const producer = { producerId: 1, producerEpoch: 0 }
        append(first.log, ['aborted'], { ...producer, baseSequence: 0, isTransactional: true })
        const marker = buildEndTransactionBatch(
          { type: 'ABORT', coordinatorEpoch: 0 },
          { ...producer, timestampMs: 1000 },
        )
        accepted(first.log.appendAsLeader(marker, { leaderEpoch: 0, origin: 'coordinator' }))
        await committed(first.log)
        if (which === 'rolled segment') await first.log.roll()
        else await first.log.flush()
        await simulator.sleep(61_000)
        machine.crash()
        const path = '/data/t-0/00000000000000000000.txnindex'
        // The high byte of its version, which tells of itself, as an index that Kafka wrote must.
        machine.volume.rot(path, 0, 64)
        const io = machine.boot()
        if (random.chance(0.5)) await io.disk.remove(`${path}.crc`)
        const ended = new Promise<void>(resolve => {
          const most = random.between(1, 12)
          let changes = 0
          machine.faults.onOperation = operation => {
            const isChange = ['write', 'truncate', 'sync', 'rename', 'remove'].includes(operation.kind)
            if (isChange && operation.path.includes('.txnindex') && ++changes === most) resolve()
          }
        })
        const opening = openLog(io, { configFor }).then(
          async ({ log }) => log.abortedTransactions(0, 2),
          () => {},
        )
        void opening.catch(() => {})
        await Promise.race([ended, simulator.sleep(200)])
        if (random.chance(0.5)) machine.crash()
        else machine.losePower(random)
        const { manager, log } = await openLog(machine.boot(), { configFor })
        assert.deepEqual(
          await log.abortedTransactions(0, 2),
          [{ producerId: 1, firstOffset: 0, lastOffset: 1 }],
          `${seed}`,
        )
        await manager.close()
      })
    }
  })
}
