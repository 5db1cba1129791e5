/** Metrics and health of a running broker: names, values that move, series that go with their topic. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { getHttp as get, live, metricsOf as metrics } from './live.fixture.ts'

const settings = { 'ottla.metrics.listener': '0.0.0.0:9100' }

describe('the metrics listener', () => {
  it('answers /health and /metrics, and nothing else', () =>
    live(settings, async world => {
      const health = await get(world, '/health')
      assert.equal(health.status, 200)
      assert.deepEqual(JSON.parse(health.body), { status: 'ok' })
      assert.equal((await get(world, '/metrics')).status, 200)
      assert.equal((await get(world, '/')).status, 404)
      assert.equal((await get(world, '/metrics', 'POST')).status, 405)
    }))

  it('counts what goes in and out, by topic and in all', () =>
    live(settings, async world => {
      await world.createTopic('t')
      const before = await metrics(world)
      const topic = '{topic="t"}'
      assert.equal(before.get(`kafka_server_brokertopicmetrics_messagesin_total${topic}`), undefined)
      await world.put('t', ['a', 'b'])
      await world.records('t', 0)
      const after = await metrics(world)
      for (const labels of ['', topic]) {
        const moved = (name: string): number =>
          after.get(`kafka_server_brokertopicmetrics_${name}_total${labels}`)! -
          (before.get(`kafka_server_brokertopicmetrics_${name}_total${labels}`) ?? 0)
        assert.equal(moved('messagesin'), 2, labels)
        assert.ok(moved('bytesin') > 60, labels)
        assert.equal(moved('bytesout'), moved('bytesin'), labels)
        assert.equal(moved('totalproducerequests'), 1, labels)
        assert.equal(moved('totalfetchrequests'), 1, labels)
        assert.equal(moved('failedproducerequests'), 0, labels)
      }
      await world.append('t', Buffer.from('rubbish'))
      assert.equal((await metrics(world)).get(`kafka_server_brokertopicmetrics_failedproducerequests_total${topic}`), 1)
    }))

  it('shows the state of partitions, logs, requests, connections and the controller', () =>
    live(settings, async world => {
      await world.createTopic('t', {}, 3)
      await world.put('t', ['a', 'b'], 2)
      const second = await world.connect()
      const shown = await metrics(world)
      const log = '{topic="t",partition="2"}'
      const expected: Readonly<Record<string, number>> = {
        kafka_server_replicamanager_partitioncount: 3,
        kafka_server_replicamanager_leadercount: 3,
        kafka_server_replicamanager_underreplicatedpartitions: 0,
        kafka_server_replicamanager_underminisrpartitioncount: 0,
        kafka_server_replicamanager_offlinereplicacount: 0,
        kafka_controller_kafkacontroller_activecontrollercount: 1,
        kafka_controller_kafkacontroller_globaltopiccount: 1,
        kafka_controller_kafkacontroller_globalpartitioncount: 3,
        kafka_log_logmanager_offlinelogdirectorycount: 0,
        'kafka_log_logmanager_logdirectoryoffline{logDirectory="/data"}': 0,
        'kafka_log_logcleanermanager_uncleanable_partitions_count{logDirectory="/data"}': 0,
        [`kafka_log_log_logendoffset${log}`]: 2,
        [`kafka_log_log_logstartoffset${log}`]: 0,
        [`kafka_log_log_numlogsegments${log}`]: 1,
        'kafka_server_socketservermetrics_connectioncount{listener="PLAINTEXT"}': 2,
        'kafka_network_requestmetrics_requests_total{request="Produce",version="12"}': 1,
        'kafka_network_requestmetrics_totaltimems_count{request="CreateTopics"}': 1,
      }
      for (const [name, value] of Object.entries(expected)) assert.equal(shown.get(name), value, name)
      assert.ok(shown.get(`kafka_log_log_size${log}`)! > 60)
      second.close()
      await world.sleep(100)
      const later = await metrics(world)
      assert.equal(later.get('kafka_server_socketservermetrics_connectioncount{listener="PLAINTEXT"}'), 1)
    }))

  it('a topic takes its series along when it is deleted, also when broker settings changed meanwhile', () =>
    live(settings, async world => {
      for (const name of ['t', 'u']) {
        await world.createTopic(name)
        await world.put(name, ['x'])
      }
      const seriesOf = async (topic: string): Promise<number> =>
        [...(await metrics(world)).keys()].filter(name => name.includes(`topic="${topic}"`)).length
      assert.ok((await seriesOf('t')) > 0)
      await world.alterBroker({ 'message.max.bytes': 5000 })
      await world.deleteTopic('t')
      assert.equal(await seriesOf('t'), 0)
      assert.ok((await seriesOf('u')) > 0)
      await world.createTopic('t')
      await world.put('t', ['y'])
      assert.equal((await metrics(world)).get('kafka_server_brokertopicmetrics_messagesin_total{topic="t"}'), 1)
    }))

  it('tells of a log directory that has failed', () =>
    live({ ...settings, 'log.dirs': '/a,/b' }, async world => {
      await world.createTopic('t', {}, 2)
      world.machine.faults.failOn({ path: /^\/b/, code: 'EIO' })
      for (const partition of [0, 1]) await world.append('t', Buffer.alloc(0), partition).catch(() => {})
      await world.sleep(60_000)
      await world.createTopic('u', {}, 2)
      const shown = await metrics(world)
      assert.equal(shown.get('kafka_log_logmanager_offlinelogdirectorycount'), 1)
      assert.equal(shown.get('kafka_log_logmanager_logdirectoryoffline{logDirectory="/b"}'), 1)
      assert.equal(shown.get('kafka_log_logmanager_logdirectoryoffline{logDirectory="/a"}'), 0)
      assert.equal(shown.get('kafka_server_replicamanager_offlinereplicacount'), 1)
    }))
})

describe('a connection', () => {
  it('on which nothing happens is closed after connections.max.idle.ms, and not while it waits for us', () =>
    live({ 'connections.max.idle.ms': 60_000 }, async world => {
      await world.createTopic('t')
      const idle = await world.connect()
      const busy = await world.connect()
      const waiting = busy.fetch({ topic: 't', partition: 0, offset: 0, maxWaitMs: 150_000 })
      await world.sleep(59_000)
      assert.equal(idle.connection.isOpen, true)
      await world.sleep(2000)
      assert.equal(idle.connection.isOpen, false)
      assert.deepEqual((await waiting).records, [])
    }))

  it('that is refused is counted', () =>
    live({ ...settings, 'max.connections.per.ip': 1 }, async world => {
      await assert.rejects(world.connect(), /closed/)
      assert.equal((await metrics(world)).get('kafka_network_socketserver_refusedconnections_total'), 1)
    }))

  it('that waits for a place ends when the broker stops', () =>
    live({ 'max.connections': 1 }, async world => {
      const waiting = world.connect()
      await world.sleep(100)
      const refused = assert.rejects(waiting, /closed/)
      await world.sim.broker.stop()
      await refused
      world.machine.crash()
    }))

  it('beyond those that may wait is refused', () =>
    live({ 'max.connections': 1, 'socket.listen.backlog.size': 2 }, async world => {
      const waiting = [world.connect(), world.connect()]
      await world.sleep(100)
      await assert.rejects(world.connect(), /closed/)
      world.client.close()
      const next = await waiting[0]!
      next.close()
      ;(await waiting[1]!).close()
    }))
})
