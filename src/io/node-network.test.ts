/** What the real network does when the process runs out of descriptors. The rest is in the contract suite. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

/** Takes every descriptor, lets clients knock, gives some back, lets a client in. */
const script = `
const { openSync, closeSync } = await import('node:fs')
const { createNodeIo } = await import(${JSON.stringify(new URL('./node.ts', import.meta.url).href)})
const { network } = createNodeIo()
let accepted = 0
const memory = Buffer.alloc(10)
const quiet = { buffer: () => memory, received: () => {}, drained: () => {}, closed: () => {} }
const listener = await network.listen({ host: '127.0.0.1', port: 0 }, socket => {
  accepted += 1
  socket.start(quiet)
})
const taken = []
try {
  for (;;) taken.push(openSync('/dev/null', 'r'))
} catch (error) {
  console.log(error.code)
}
for (let i = 0; i < 3; i++) closeSync(taken.pop())
const knock = () => network.connect('127.0.0.1', listener.port, 1000)
const shed = await Promise.all([knock(), knock(), knock()].map(async dialled => {
  const socket = await dialled
  return new Promise(resolve => socket.start({ ...quiet, closed: () => resolve('shed') }))
}))
console.log(shed.join(), accepted)
for (const descriptor of taken) closeSync(descriptor)
const socket = await knock()
await new Promise(resolve => setTimeout(resolve, 50))
console.log('then', accepted)
socket.destroy()
await listener.close()
`

test(
  'a process without free descriptors sheds connections, lives on, and accepts again',
  { skip: process.platform === 'win32' },
  () => {
    const command = 'ulimit -n 64 && exec "$0" --input-type=module --eval "$1"'
    const { stdout, stderr } = spawnSync('sh', ['-c', command, process.execPath, script], { encoding: 'utf8' })
    assert.equal(stdout, 'EMFILE\nshed,shed,shed 0\nthen 1\n', stderr)
  },
)
