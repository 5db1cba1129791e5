/** What a start after a crash knows of producers and transactions, and where a log begins, from files that a crash, retention or compaction has left. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildEndTransactionBatch } from '../protocol/records/control.ts'
import { simulate } from '../sim/simulator.ts'
import { formatOffsetCheckpoint } from './checkpoint-file.ts'
import { accepted, append, committed, openLog, smallConfig } from './log.fixture.ts'
import type { Log } from './log.ts'
import { change, fill, folder, reopen, withMachine } from './recovery.fixture.ts'

test('a log that is emptied because files are missing knows nobody of what it held, also when it is cut back later', () =>
  withMachine(async machine => {
    const place = await fill(machine, 10, 'close')
    await change(place.io.disk, '/data/log-start-offset-checkpoint', () =>
      Buffer.from(formatOffsetCheckpoint([{ topic: 't', partition: 0, offset: 50 }])),
    )
    const { log, manager } = await reopen(place)
    for (let value = 0; value < 4; value++) append(log, ['x'])
    await committed(log)
    await log.truncateTo(52)
    assert.deepEqual([log.logStartOffset, log.logEndOffset, log.activeProducers()], [50, 52, []])
    await manager.close()
  }))

test('a transaction index that is spoilt below the recovery point is built anew with all that its segment has aborted (P4)', () =>
  simulate(1, async simulator => {
    const machine = simulator.machine('a')
    const abort = (log: Log, sequence: number): void => {
      append(log, ['x'], { producerId: 7, producerEpoch: 0, baseSequence: sequence, isTransactional: true })
      const identity = { producerId: 7, producerEpoch: 0, timestampMs: 1000 }
      const marker = buildEndTransactionBatch({ type: 'ABORT', coordinatorEpoch: 0 }, identity)
      accepted(log.appendAsLeader(marker, { leaderEpoch: 0, origin: 'coordinator' }))
    }
    const forEver = { configFor: () => ({ ...smallConfig, retentionMs: -1 }) }
    const first = await openLog(machine.boot(), forEver)
    abort(first.log, 0)
    await committed(first.log)
    // Its producers are in a snapshot in the middle of the segment.
    await first.manager.close()
    machine.crash()
    const second = await openLog(machine.boot(), forEver)
    abort(second.log, 1)
    await committed(second.log)
    await second.log.flush()
    const known = await second.log.abortedTransactions(0, 4)
    assert.equal(known.length, 2)
    // Until the recovery point is on the disk.
    await simulator.sleep(61_000)
    machine.crash()
    machine.volume.rot('/data/t-0/00000000000000000000.txnindex', 12, 1)
    const { log } = await openLog(machine.boot(), forEver)
    assert.deepEqual(await log.abortedTransactions(0, 4), known)
  }))

test('a log that retention was emptying does not get its records back, whenever it is killed and loses power (L9)', async () => {
  for (let events = 1; events < 60; events += 3) {
    await simulate(events, async simulator => {
      const machine = simulator.machine('a')
      const configFor = () => ({ ...smallConfig, retentionMs: -1 })
      const { log } = await openLog(machine.boot(), { configFor })
      for (let value = 0; value < 40; value++) append(log, [`${value}`.padEnd(100)])
      await committed(log)
      await log.flush()
      log.updateConfig({ ...configFor(), retentionMs: 1000 })
      void log.applyRetention(Number.MAX_SAFE_INTEGER).catch(() => {})
      await simulator.sleep(events / 6)
      machine.crash()
      const killed = await openLog(machine.boot(), { configFor })
      const { logStartOffset, logEndOffset } = killed.log
      // The checkpoints are written anew.
      await simulator.sleep(61_000)
      machine.losePower()
      const { log: last } = await openLog(machine.boot(), { configFor })
      assert.deepEqual([last.logStartOffset, last.logEndOffset], [logStartOffset, logEndOffset], `after ${events}`)
    })
  }
})

test('a log that is cut back below its newest producer snapshot leaves one where it ends, and the next start reads no records', () =>
  withMachine(async machine => {
    const { log, manager } = await reopen(await fill(machine, 10, 'close'))
    await log.truncateTo(4)
    append(log, ['x'], { producerId: 9, producerEpoch: 0, baseSequence: 4 })
    await committed(log)
    await manager.close()
    const names = [...machine.volume.findDirectory(folder, 'list').entries.keys()]
    assert.ok(names.includes('00000000000000000005.snapshot'), names.join())
  }))
