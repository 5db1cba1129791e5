import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulate } from '../sim/simulator.ts'
import { openLog } from './log.fixture.ts'

test('of a compaction whose output was not whole, what looks whole is gone, durably, before what tells that it is not', async () => {
  await simulate(1, async simulator => {
    const machine = simulator.machine('a')
    const io = machine.boot()
    const first = await openLog(io)
    await first.manager.close()
    const base = `/data/t-0/${'0'.padStart(20, '0')}`
    for (const suffix of ['.log.swap', '.index.swap', '.timeindex.cleaned', '.txnindex.cleaned'])
      await (await io.disk.open(base + suffix, { write: true, create: true })).close()
    const steps: string[] = []
    machine.faults.onOperation = ({ kind, path }) => {
      if (kind === 'remove' && /(swap|cleaned)$/.test(path)) steps.push(path.slice(path.lastIndexOf('.') + 1))
      else if (kind === 'syncDirectory' && path === '/data/t-0' && steps.length > 0) steps.push('sync')
    }
    const { manager } = await openLog(io)
    assert.deepEqual(steps.slice(0, 5), ['swap', 'swap', 'sync', 'cleaned', 'cleaned'])
    await manager.close()
  })
})
