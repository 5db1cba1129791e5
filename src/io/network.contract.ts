/** What every network does, on one machine. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Io, Listener } from './io.ts'
import { bytesOf, codeOf, Recorder, sleep, textOf, type World } from './world.contract.ts'

const anyPort = { host: '127.0.0.1', port: 0 } as const

interface Pair {
  readonly listener: Listener
  /** The end that was dialled from. */
  readonly client: Recorder
  /** The end that was accepted. */
  readonly server: Recorder
}

/** A connection whose ends are not started. */
async function connected(io: Io, host = '127.0.0.1', memoryBytes = 64 * 1024): Promise<Pair> {
  let accept: (server: Recorder) => void
  const accepted = new Promise<Recorder>(resolve => {
    accept = resolve
  })
  const listener = await io.network.listen({ host, port: 0 }, socket => accept(new Recorder(socket, memoryBytes)))
  const client = new Recorder(await io.network.connect(host, listener.port, 5000), memoryBytes)
  return { listener, client, server: await accepted }
}

async function closeAll({ listener, client, server }: Pair): Promise<void> {
  client.socket.destroy()
  server.socket.destroy()
  await listener.close()
}

export function networkContract(world: World): void {
  test('both ends know both addresses, on IPv4 and IPv6', () =>
    world.run(async ({ io }) => {
      for (const host of ['127.0.0.1', '::1']) {
        const pair = await connected(io, host)
        const { listener, client, server } = pair
        assert.ok(listener.port > 0)
        assert.equal(listener.host, host)
        assert.deepEqual(client.socket.remote, { host, port: listener.port })
        assert.deepEqual(server.socket.local, { host, port: listener.port })
        assert.deepEqual(client.socket.local, server.socket.remote)
        await closeAll(pair)
      }
    }))

  test('bytes arrive in order, whatever the pieces, both ways', () =>
    world.run(async ({ io }) => {
      const pair = await connected(io)
      const { client, server } = pair
      server.onReceived = bytes => server.socket.write([bytes.slice()])
      server.start()
      client.start()
      let expected = ''
      for (let i = 0; i < 200; i++) {
        const parts = [`<${i}`, '', '-'.repeat(i * 7), '>']
        expected += parts.join('')
        client.socket.write(parts.map(bytesOf))
      }
      await client.when(() => client.text.length >= expected.length)
      assert.equal(client.text, expected)
      assert.equal(server.text, expected)
      await closeAll(pair)
    }))

  test('bytes go into the memory that the receiver gives, never more than it holds', () =>
    world.run(async ({ io }) => {
      const pair = await connected(io, '127.0.0.1', 7)
      const { client, server } = pair
      server.start()
      client.start()
      client.socket.write([bytesOf('0123456789'.repeat(20))])
      await server.when(() => server.text.length === 200)
      assert.equal(server.text, '0123456789'.repeat(20))
      assert.ok(server.lengths.every(length => length <= 7))
      await closeAll(pair)
    }))

  test('nothing is read before start, and nothing is lost', () =>
    world.run(async ({ io }) => {
      const pair = await connected(io)
      const { client, server } = pair
      client.start()
      client.socket.write([bytesOf('early')])
      await sleep(io, 20)
      assert.equal(server.text, '')
      server.start()
      await server.when(() => server.text === 'early')
      await closeAll(pair)
    }))

  test('a receiver that pauses holds back the sender, which is told when everything is sent', () =>
    world.run(async ({ io }) => {
      const pair = await connected(io)
      const { client, server } = pair
      server.start()
      client.start()
      server.socket.pause()
      const chunk = new Uint8Array(1024 * 1024).fill(120)
      const chunks = 24
      for (let i = 0; i < chunks; i++) client.socket.write([chunk])
      await sleep(io, 50)
      assert.equal(server.lengths.length, 0)
      assert.ok(client.socket.unsentBytes > 0 && client.socket.unsentBytes <= chunks * chunk.length)
      assert.equal(client.drainedCount, 0)
      server.socket.resume()
      let receivedBytes = 0
      server.text = ''
      server.onReceived = bytes => {
        receivedBytes += bytes.length
        server.text = ''
      }
      await server.when(() => receivedBytes === chunks * chunk.length)
      await client.when(() => client.drainedCount > 0)
      assert.equal(client.socket.unsentBytes, 0)
      assert.equal(client.drainedCount, 1)
      await closeAll(pair)
    }))

  test('pausing in the middle of what arrives stops it there, resuming goes on', () =>
    world.run(async ({ io }) => {
      const pair = await connected(io, '127.0.0.1', 10)
      const { client, server } = pair
      client.start()
      client.socket.write([bytesOf('x'.repeat(100))])
      server.onReceived = () => server.socket.pause()
      server.start()
      let seen = 0
      while (server.text.length < 100) {
        await server.when(() => server.text.length > seen)
        seen = server.text.length
        await sleep(io, 2)
        assert.equal(server.text.length, seen, 'nothing arrives while paused')
        server.socket.resume()
      }
      await closeAll(pair)
    }))

  test('end sends what was written, then both ends are closed without an error', () =>
    world.run(async ({ io }) => {
      const pair = await connected(io)
      const { client, server } = pair
      server.start()
      client.start()
      const text = 'y'.repeat(3_000_000)
      client.socket.write([bytesOf(text)])
      client.socket.end()
      client.socket.write([bytesOf('ignored')])
      await Promise.all([server.whenClosed(), client.whenClosed()])
      assert.equal(server.text.length, text.length)
      assert.equal(server.error, undefined)
      assert.equal(client.error, undefined)
      assert.equal(client.socket.unsentBytes, 0)
      await sleep(io, 20)
      assert.equal(server.closedCount + client.closedCount, 2)
      await closeAll(pair)
    }))

  test('when the peer ends, what was written to it before is still sent', () =>
    world.run(async ({ io }) => {
      const pair = await connected(io)
      const { client, server } = pair
      client.start()
      server.start()
      let ended = false
      server.onReceived = () => {
        // The answer to a client that sends one request and closes its side at once.
        if (!ended) server.socket.write([bytesOf('z'.repeat(1_000_000))])
        ended = true
      }
      client.socket.write([bytesOf('request')])
      await server.when(() => ended)
      await client.when(() => client.text.length === 1_000_000)
      client.socket.end()
      await Promise.all([server.whenClosed(), client.whenClosed()])
      assert.equal(server.error, undefined)
      await closeAll(pair)
    }))

  test('a socket that has ended is closed even when its peer goes on sending', () =>
    world.run(async ({ io }) => {
      const pair = await connected(io)
      const { client, server } = pair
      client.start()
      server.start()
      server.onReceived = () => server.socket.end()
      const flood = (): void => {
        if (client.closedCount > 0) return
        client.socket.write([new Uint8Array(1000)])
        io.clock.setTimer(5, flood)
      }
      flood()
      await Promise.all([server.whenClosed(), client.whenClosed()])
      await closeAll(pair)
    }))

  test('destroy closes at once without an error here and ends the peer', () =>
    world.run(async ({ io }) => {
      const pair = await connected(io)
      const { client, server } = pair
      client.start()
      server.start()
      client.socket.destroy()
      client.socket.destroy()
      client.socket.write([bytesOf('ignored')])
      client.socket.end()
      await Promise.all([server.whenClosed(), client.whenClosed()])
      assert.equal(client.error, undefined)
      await sleep(io, 20)
      assert.equal(server.closedCount + client.closedCount, 2)
      await closeAll(pair)
    }))

  test('destroying a socket with unread bytes resets the peer, which is told by closed', () =>
    world.run(async ({ io }) => {
      const pair = await connected(io)
      const { client, server } = pair
      client.start()
      client.socket.write([bytesOf('never read')])
      await sleep(io, 50)
      server.socket.destroy()
      await client.whenClosed()
      assert.equal(client.error?.code, 'ECONNRESET')
      server.start()
      await server.whenClosed()
      await closeAll(pair)
    }))

  test('a reset that nobody has looked at yet does no harm', () =>
    world.run(async ({ io }) => {
      const pair = await connected(io)
      const { client, server } = pair
      server.start()
      server.socket.write([bytesOf('never read')])
      await sleep(io, 50)
      // The accepting end is not told before it writes again; then its writes fail.
      server.socket.pause()
      client.socket.destroy()
      await sleep(io, 50)
      const more = (): void => {
        if (server.closedCount > 0) return
        server.socket.write([bytesOf('more')])
        io.clock.setTimer(5, more)
      }
      more()
      await server.whenClosed()
      assert.ok(['ECONNRESET', 'EPIPE'].includes(server.error?.code ?? ''), server.error?.code)
      await closeAll(pair)
    }))

  test('a port in use is refused, other addresses of it are not', () =>
    world.run(async ({ io }) => {
      const first = await io.network.listen(anyPort, () => {})
      assert.equal(await codeOf(io.network.listen({ host: '127.0.0.1', port: first.port }, () => {})), 'EADDRINUSE')
      const sixth = await io.network.listen({ host: '::1', port: first.port }, () => {})
      assert.equal(sixth.port, first.port)
      await Promise.all([first.close(), sixth.close()])
      const wildcard = await io.network.listen({ host: '::', port: first.port }, () => {})
      const other = await io.network.listen({ host: '0.0.0.0', port: first.port }, () => {})
      await Promise.all([wildcard.close(), other.close()])
    }))

  test('an address that is not of this machine cannot be listened on', () =>
    world.run(async ({ io }) => {
      assert.equal(await codeOf(io.network.listen({ host: '192.0.2.1', port: 0 }, () => {})), 'EADDRNOTAVAIL')
    }))

  test('a closed listener refuses, its connections live on, its port is free', () =>
    world.run(async ({ io }) => {
      const { listener, client, server } = await connected(io)
      server.start()
      client.start()
      await listener.close()
      assert.equal(await codeOf(io.network.connect('127.0.0.1', listener.port, 5000)), 'ECONNREFUSED')
      client.socket.write([bytesOf('still here')])
      await server.when(() => server.text === 'still here')
      const again = await io.network.listen({ host: '127.0.0.1', port: listener.port }, () => {})
      await closeAll({ listener: again, client, server })
    }))

  test('connecting by name works; to a name that does not exist it fails', () =>
    world.run(async ({ io }) => {
      const listener = await io.network.listen(anyPort, socket => new Recorder(socket).start())
      const socket = await io.network.connect('localhost', listener.port, 5000)
      assert.equal(socket.remote.host, '127.0.0.1')
      socket.destroy()
      await listener.close()
      assert.ok((await codeOf(io.network.connect('no-such-host.invalid', 1, 5000))) !== undefined)
    }))

  test('many connections at a time are kept apart', () =>
    world.run(async ({ io }) => {
      const listener = await io.network.listen(anyPort, socket => {
        const server = new Recorder(socket)
        server.onReceived = bytes => socket.write([bytes.slice()])
        server.start()
      })
      const clients = await Promise.all(
        Array.from({ length: 30 }, async (_, i) => {
          const client = new Recorder(await io.network.connect('127.0.0.1', listener.port, 5000)).start()
          client.socket.write([bytesOf(`client ${i}`)])
          await client.when(() => client.text.length >= `client ${i}`.length)
          return client
        }),
      )
      assert.deepEqual(
        clients.map(client => client.text),
        clients.map((_, i) => `client ${i}`),
      )
      for (const client of clients) client.socket.destroy()
      await listener.close()
    }))

  test('http: a request reaches the handler, its answer the client', () =>
    world.run(async ({ io }) => {
      const listener = await io.network.listenHttp(anyPort, async request => {
        if (request.path === '/fail') throw new Error('no')
        const { method, path, query, headers, body } = request
        return {
          status: 201,
          headers: {
            'content-type': 'text/plain',
            'x-seen': `${method} ${path} ${query.get('a')} ${headers['x-test']}`,
          },
          body: `you said ${textOf(body)}`,
        }
      })
      const ask = async (request: string): Promise<string> => {
        const client = new Recorder(await io.network.connect('127.0.0.1', listener.port, 5000)).start()
        client.socket.write([bytesOf(request)])
        await client.whenClosed()
        return client.text
      }
      const head = 'Host: a\r\nConnection: close\r\nX-Test: t\r\nContent-Length: 5\r\n\r\n'
      const answer = await ask(`POST /some/path?a=b%20c HTTP/1.1\r\n${head}hello`)
      assert.match(answer, /^HTTP\/1\.1 201 /)
      assert.match(answer.toLowerCase(), /content-type: text\/plain\r\n/)
      assert.match(answer, /x-seen: POST \/some\/path b c t\r\n/i)
      assert.match(answer.toLowerCase(), /content-length: 14\r\n/)
      assert.ok(answer.endsWith('\r\n\r\nyou said hello'))
      const rest = 'Host: a\r\nConnection: close\r\n\r\n'
      assert.match(await ask(`GET /fail HTTP/1.1\r\n${rest}`), /^HTTP\/1\.1 500 /)
      await listener.close()
      assert.equal(await codeOf(io.network.connect('127.0.0.1', listener.port, 5000)), 'ECONNREFUSED')
    }))
}
