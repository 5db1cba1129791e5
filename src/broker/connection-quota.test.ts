import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { resolveBrokerConfig } from '../metadata/config/broker-config.ts'
import { ConnectionQuota } from './connection-quota.ts'

function quotaWith(settings: Record<string, string>): ConnectionQuota {
  const none = new Map<string, string>()
  const config = resolveBrokerConfig({ fixed: new Map(Object.entries(settings)), clusterWide: none, perBroker: none })
  return new ConnectionQuota(() => config)
}

describe('ConnectionQuota', () => {
  it('is full when there are as many connections as there may be in all, and admits again when one ends', () => {
    const quota = quotaWith({ 'max.connections': '2' })
    assert.equal(quota.admit('A', '10.0.0.1', 0).kind, 'admitted')
    assert.equal(quota.admit('B', '10.0.0.2', 0).kind, 'admitted')
    assert.deepEqual(quota.admit('A', '10.0.0.3', 0), { kind: 'full', limit: 'max.connections' })
    quota.release('B', '10.0.0.2')
    assert.equal(quota.admit('A', '10.0.0.3', 0).kind, 'admitted')
  })

  it('refuses more connections of one address than it may have, by its own limit where it has one', () => {
    const quota = quotaWith({ 'max.connections.per.ip': '1', 'max.connections.per.ip.overrides': '10.0.0.9:2' })
    assert.equal(quota.admit('A', '10.0.0.1', 0).kind, 'admitted')
    assert.deepEqual(quota.admit('A', '10.0.0.1', 0), { kind: 'refused', limit: 'max.connections.per.ip' })
    assert.equal(quota.admit('A', '10.0.0.9', 0).kind, 'admitted')
    assert.equal(quota.admit('A', '10.0.0.9', 0).kind, 'admitted')
    assert.equal(quota.admit('A', '10.0.0.9', 0).kind, 'refused')
  })

  it('a listener has its own limit', () => {
    const quota = quotaWith({ 'listener.name.inside.max.connections': '1' })
    assert.equal(quota.admit('INSIDE', '10.0.0.1', 0).kind, 'admitted')
    assert.deepEqual(quota.admit('INSIDE', '10.0.0.1', 0), {
      kind: 'full',
      limit: 'listener.name.inside.max.connections',
    })
    assert.equal(quota.admit('OUTSIDE', '10.0.0.1', 0).kind, 'admitted')
  })

  it('connections above the rate are spread out, not refused', () => {
    const quota = quotaWith({ 'max.connection.creation.rate': '10' })
    const delays = Array.from({ length: 25 }, () => {
      const admission = quota.admit('A', '10.0.0.1', 5000)
      return admission.kind === 'admitted' ? admission.delayMs : NaN
    })
    assert.deepEqual(
      delays.slice(0, 10),
      Array.from({ length: 10 }, () => 0),
    )
    assert.equal(delays[10], 100)
    assert.equal(delays[24], 1500)
  })

  it('a rate of 0 holds every connection back for as long as there is, and is forgotten when it is raised', () => {
    const none = new Map<string, string>()
    const configOf = (rate: string) =>
      resolveBrokerConfig({
        fixed: new Map([['max.connection.creation.rate', rate]]),
        clusterWide: none,
        perBroker: none,
      })
    let config = configOf('0')
    const quota = new ConnectionQuota(() => config)
    assert.deepEqual(quota.admit('A', '10.0.0.1', 5000), { kind: 'admitted', delayMs: 10_000 })
    config = configOf('2147483647')
    assert.deepEqual(quota.admit('A', '10.0.0.1', 5000), { kind: 'admitted', delayMs: 0 })
    config = configOf('10')
    assert.deepEqual(quota.admit('A', '10.0.0.1', 5000), { kind: 'admitted', delayMs: 0 })
  })
})
