import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultDataFolder } from './data-folder.ts'
import type { Surroundings } from './data-folder.ts'

const linux: Surroundings = { platform: 'linux', env: {}, home: '/h/ada', workingDirectory: '/srv/app' }

test('on Linux data goes to the state folder of the user, or where XDG_STATE_HOME points', () => {
  assert.equal(defaultDataFolder(linux), '/h/ada/.local/state/ottla')
  assert.equal(defaultDataFolder({ ...linux, env: { XDG_STATE_HOME: '/state' } }), '/state/ottla')
})

test('a relative XDG_STATE_HOME counts for nothing, as its specification says', () => {
  assert.equal(defaultDataFolder({ ...linux, env: { XDG_STATE_HOME: 'state' } }), '/h/ada/.local/state/ottla')
})

test('on macOS data goes to Application Support', () => {
  assert.equal(
    defaultDataFolder({ ...linux, platform: 'darwin', home: '/h/ada' }),
    '/h/ada/Library/Application Support/ottla',
  )
})

test('a user without a home gets a folder in the working directory', () => {
  for (const home of ['', '/', '/nonexistent'])
    assert.equal(defaultDataFolder({ ...linux, home }), '/srv/app/ottla-data')
})
