/** Bytes that are not the protocol: the connection is closed, nothing is kept, nobody else notices, and the log says what it was. */

import assert from 'node:assert/strict'
import { get } from 'node:http'
import { connect as connectTls } from 'node:tls'
import { after, before, describe, it } from 'node:test'
import { served } from '../src/broker/served.ts'
import { apiOf, apis } from '../src/protocol/apis.ts'
import { ZERO_UUID } from '../src/protocol/uuid.ts'
import { arrayBombs, longArrays } from './array-bombs.fixture.ts'
import {
  BrokerProcess,
  GoodClient,
  MiB,
  Peer,
  decodeAnswer,
  errorName,
  eventually,
  onLinux,
  rawRequestBytes,
  requestBytes,
  sleep,
} from './hostile.fixture.ts'

let broker: BrokerProcess
let good: GoodClient

before(async () => {
  broker = await BrokerProcess.start({})
  good = await GoodClient.start(broker.port)
})

after(async () => {
  await good.stop()
  await broker.stop()
})

/** A request of a flexible version that was made without tags, with these. */
function withTags(empty: Uint8Array, hex: string): Buffer {
  const bytes = Buffer.concat([empty, Buffer.from(hex, 'hex')])
  bytes.writeInt32BE(bytes.length - 4)
  return bytes
}

/** Sends bytes on a connection of their own, and demands that it is closed without an answer. */
async function assertCloses(bytes: Uint8Array, why: string, port = broker.port): Promise<void> {
  const peer = await Peer.connect(port)
  await peer.send(bytes)
  const outcome = await Promise.race([peer.closed.then(() => 'closed'), sleep(20_000, 'open', { ref: false })])
  assert.equal(outcome, 'closed', why)
  assert.equal(peer.receivedBytes, 0, `${why}: no answer`)
}

function prefix(length: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(length)
  return bytes
}

describe('a frame length that cannot be', () => {
  for (const length of [-1, -(2 ** 31), 104_857_601, 2 ** 31 - 1]) {
    it(`of ${length} closes the connection, and the log says so`, async () => {
      await assertCloses(prefix(length), String(length))
      const line = await broker.logged(new RegExp(`frame length ${length} is not within 0\\.\\.104857600`))
      assert.equal(line.level, 'warn')
      assert.match(String(line['remote']), /^127\.0\.0\.1:\d+$/)
    })
  }

  it('closes the connection also after requests that were served', async () => {
    const peer = await Peer.connect(broker.port)
    await peer.request(apis.ApiVersions, 3, { clientSoftwareName: 'a', clientSoftwareVersion: '1' })
    await peer.send(prefix(-7))
    await peer.closed
  })

  it('of 0 to 7, too short for a header, closes the connection', async () => {
    for (let length = 0; length < 8; length++) {
      await assertCloses(Buffer.concat([prefix(length), Buffer.alloc(length)]), `frame of ${length} bytes`)
      // The key of ApiVersions, whose unknown versions are answered.
      const beginning = Buffer.from('00120063000000', 'hex').subarray(0, length)
      await assertCloses(Buffer.concat([prefix(length), beginning]), `${length} bytes of ApiVersions`)
    }
  })

  it('of the largest that is allowed costs nothing while its bytes do not come', { skip: !onLinux }, async () => {
    const residentBytes = broker.residentBytes
    const peers = await Promise.all(Array.from({ length: 50 }, () => Peer.connect(broker.port)))
    await Promise.all(peers.map(peer => peer.send(prefix(104_857_600))))
    await sleep(300)
    assert.ok(peers.every(peer => !peer.isClosed))
    assert.ok(broker.residentBytes - residentBytes < 16 * MiB, `${(broker.residentBytes - residentBytes) / MiB} MiB`)
    for (const peer of peers) peer.close()
  })
})

describe('another protocol', () => {
  it('such as TLS is closed, and the log says that it is TLS', async () => {
    const socket = connectTls({ port: broker.port, host: '127.0.0.1', rejectUnauthorized: false })
    await assert.rejects(new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject)))
    await broker.logged(/the peer speaks TLS to a plaintext port/)
  })

  it('such as HTTP is closed, and the log says that it is HTTP', async () => {
    for (const method of ['GET', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE', 'PATCH', 'CONNECT', 'TRACE', 'PRI']) {
      const before = broker.log.length
      await assertCloses(Buffer.from(`${method} / HTTP/1.1\r\nhost: localhost\r\n\r\n`), method)
      const line = await eventually('a log line', () => broker.log.slice(before).find(({ level }) => level === 'warn'))
      assert.match(line.message, /the peer speaks HTTP to a Kafka port/, method)
    }
    const request = get({ port: broker.port, host: '127.0.0.1' })
    await assert.rejects(new Promise((resolve, reject) => request.once('response', resolve).once('error', reject)))
  })

  it('whose first bytes are a possible length is closed too', async () => {
    for (const text of [
      'SSH-2.0-OpenSSH_9\r\n',
      'EHLO me\r\n',
      '*1\r\n$4\r\nPING\r\n',
      '\0\0\0\x10GET / HTTP/1.1\r\n\r\n',
    ]) {
      await assertCloses(Buffer.from(text), text)
    }
  })
})

describe('a request that cannot be read', () => {
  it('of an API that is not served, or of none, closes the connection', async () => {
    for (const key of [-1, 4, 7, 77, 1000, 32_767]) {
      const header = Buffer.alloc(14)
      header.writeInt16BE(key)
      await assertCloses(Buffer.concat([prefix(14), header]), `API key ${key}`)
    }
  })

  it('in a version that is not served closes the connection', async () => {
    for (const { apiKey, versions } of served) {
      if (apiKey === apis.ApiVersions.key) continue
      for (const version of [-1, versions[1] + 1, 32_767]) {
        const header = Buffer.alloc(40)
        header.writeInt16BE(apiKey)
        header.writeInt16BE(version, 2)
        await assertCloses(Buffer.concat([prefix(40), header]), `${apiOf(apiKey)!.name} v${version}`)
      }
    }
  })

  it('of ApiVersions in an unknown version is answered in version 0, and the connection stays', async () => {
    const peer = await Peer.connect(broker.port)
    for (const version of [5, 99, 32_767, -1]) {
      // What else a version holds that nobody knows yet, nobody can know.
      const body = Buffer.from('whatever it is that version may hold')
      const header = Buffer.alloc(8)
      header.writeInt16BE(apis.ApiVersions.key)
      header.writeInt16BE(version, 2)
      header.writeInt32BE(4711, 4)
      await peer.send(Buffer.concat([prefix(header.length + body.length), header, body]))
      const answer = decodeAnswer(apis.ApiVersions, 0, 4711, await peer.nextFrame()) as {
        errorCode: number
        apiKeys: { apiKey: number; minVersion: number; maxVersion: number }[]
      }
      assert.equal(errorName(answer.errorCode), 'UNSUPPORTED_VERSION')
      assert.deepEqual(
        answer.apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, minVersion, maxVersion]),
        [[18, 0, 4]],
      )
    }
    const { errorCode } = await peer.request(apis.ApiVersions, 3, {
      clientSoftwareName: 'a',
      clientSoftwareVersion: '1',
    })
    assert.equal(errorCode, 0)
    peer.close()
  })

  it('with a varint of more than 32 bits closes the connection', async () => {
    for (const varint of ['ffffffffff01', 'ffffffff7f', '8080808010', 'ffffffffffffffffff01']) {
      await assertCloses(rawRequestBytes(apis.Metadata, 12, 1, Buffer.from(`${varint}000000`, 'hex')), varint)
    }
  })

  it('with a string that is not UTF-8 closes the connection', async () => {
    for (const text of ['ff', 'c080', 'eda080', 'f4908080', '61e2']) {
      const name = Buffer.from(text, 'hex')
      const topics = Buffer.concat([Buffer.from([0, 0, 0, 1, 0, name.length]), name, Buffer.from([0])])
      await assertCloses(rawRequestBytes(apis.Metadata, 7, 1, topics), text)
    }
    const good = requestBytes(apis.Metadata, 7, 1, { topics: [{ name: 'nowhere' }], allowAutoTopicCreation: false })
    const clientId = good.indexOf('hostile')
    good[clientId] = 0xff
    await assertCloses(good, 'client id')
  })

  it('with a tag that comes twice, or is out of order, or is longer than what is left, closes the connection', async () => {
    const body = { clientSoftwareName: 'a', clientSoftwareVersion: '1' }
    const empty = requestBytes(apis.ApiVersions, 3, 1, body).subarray(0, -1)
    const peer = await Peer.connect(broker.port)
    await peer.send(withTags(empty, '0201000201aa'))
    await peer.nextFrame()
    peer.close()
    for (const tags of ['0201000100', '0202000100', '010105aa', '0101ffffffff0f', 'ffffffff0f']) {
      await assertCloses(withTags(empty, tags), `tags ${tags}`)
    }
  })

  it('with a tag that is known, and comes twice or says another size than it has, closes the connection', async () => {
    const body = { maxWaitMs: 0, minBytes: 0, maxBytes: 0, topics: [], forgottenTopicsData: [] }
    const empty = requestBytes(apis.Fetch, 12, 1, body).subarray(0, -1)
    // The cluster id, which is tag 0, is `a`.
    const peer = await Peer.connect(broker.port)
    await peer.send(withTags(empty, '0100020261'))
    await peer.nextFrame()
    peer.close()
    for (const tags of ['02000202610002026100', '0200020261000202', '020002026100020261', '010003026100', '0100010261'])
      await assertCloses(withTags(empty, tags), `tags ${tags}`)
  })

  it('with bytes missing closes the connection, wherever it is cut', async () => {
    const whole = requestBytes(apis.Metadata, 12, 1, {
      topics: [{ topicId: ZERO_UUID, name: 'nowhere' }],
      allowAutoTopicCreation: false,
    })
    for (let length = 4; length < whole.length; length++) {
      const cut = Buffer.from(whole.subarray(0, length))
      cut.writeInt32BE(length - 4)
      await assertCloses(cut, `cut at ${length}`)
    }
  })
})

describe('an array that says it is larger than it is', () => {
  for (const handler of served) {
    const api = apiOf(handler.apiKey)!
    const [first, last] = handler.versions
    const bombs = [first, last].flatMap(version => arrayBombs(api, version))
    if (bombs.length === 0) continue
    it(`closes the connection: ${handler.name}`, async t => {
      if (onLinux) broker.forgetPeak()
      const residentBytes = onLinux ? broker.residentBytes : 0
      for (const { name, bytes } of bombs) await assertCloses(bytes, name)
      t.diagnostic(`${bombs.length} bombs`)
      if (onLinux) {
        const growthBytes = broker.peakResidentBytes - residentBytes
        assert.ok(growthBytes < 64 * MiB, `${growthBytes / MiB} MiB`)
      }
    })
  }

  it('closes the connection though its bytes are all there, where it has more elements than a request may', async () => {
    // Of complaints that come in crowds only some are logged: this one has heard none yet.
    const unbothered = await BrokerProcess.start({})
    try {
      for (const { apiKey, versions } of served) {
        const arrays = longArrays(apiOf(apiKey)!, versions[1], 100_001)
        for (const { name, bytes } of arrays) await assertCloses(bytes, name, unbothered.port)
      }
      const refused = unbothered.log.filter(({ message }) =>
        /more than 100000 (objects|numbers) in one message/.test(message),
      )
      assert.ok(refused.length > 25, `${refused.length} for that reason`)
    } finally {
      await unbothered.stop()
    }
  })

  it('closes the connection where a frame of the largest size is one array of bytes', { skip: !onLinux }, async () => {
    broker.forgetPeak()
    const residentBytes = broker.residentBytes
    const [bomb] = longArrays(apis.ListConfigResources, 1, 104_000_000)
    await assertCloses(bomb!.bytes, bomb!.name)
    // The frame itself, which grows by doubling while it arrives, is all that it takes.
    const growthBytes = broker.peakResidentBytes - residentBytes
    assert.ok(growthBytes < 250 * MiB, `${growthBytes / MiB} MiB`)
  })
})

it('requests with as many elements as they may have are served, and keep nobody waiting for long', async t => {
  good.roundTripsMs.length = 0
  let answered = 0
  for (const { apiKey, versions } of served) {
    for (const { name, bytes } of longArrays(apiOf(apiKey)!, versions[1], 90_000)) {
      const peer = await Peer.connect(broker.port)
      await peer.send(bytes)
      // Some are read as something else and refused; none stays without an outcome.
      const outcome = await Promise.race([
        peer.closed.then(() => 'closed'),
        peer.nextFrame().then(
          () => 'answered',
          () => 'closed',
        ),
        sleep(20_000, 'silent', { ref: false }),
      ])
      assert.notEqual(outcome, 'silent', name)
      if (outcome === 'answered') answered += 1
      peer.close()
    }
  }
  t.diagnostic(`${answered} answered, good client's slowest round trip ${Math.round(good.slowestMs)} ms`)
  assert.ok(answered > 10, `${answered} were answered`)
  assert.ok(good.slowestMs < 5000, `${good.slowestMs} ms`)
})
