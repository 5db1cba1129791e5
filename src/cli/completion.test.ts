import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { completionScript, describeCommand } from './completion.ts'
import { buildProgram } from './program.ts'
import type { Shell } from './shells.ts'

const program = describeCommand(buildProgram())
const missing = (shell: string): string | false =>
  spawnSync(shell, ['-c', 'true']).error === undefined ? false : `${shell} is not installed (apt-get install ${shell})`

/** What bash offers for the last of these words. */
function bashOffers(...words: string[]): string[] {
  const script = `${completionScript('bash', program)}
COMP_WORDS=(${words.map(word => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _ottla; printf '%s\\n' "\${COMPREPLY[@]}"`
  return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).split('\n').filter(Boolean)
}

test('bash completes verbs, options, choices and paths', { skip: missing('bash') }, () => {
  assert.deepEqual(bashOffers('ottla', 'st'), ['start'])
  assert.deepEqual(bashOffers('ottla', 'start', '--po'), ['--port'])
  assert.deepEqual(bashOffers('ottla', 'start', '--log-level', 'd'), ['debug'])
  assert.deepEqual(bashOffers('ottla', 'start', '--config', 'package.j'), ['package.json'])
  assert.deepEqual(bashOffers('ottla', 'start', '--port', '9'), [])
  assert.deepEqual(bashOffers('ottla', 'completion', 'z'), ['zsh'])
  assert.deepEqual(bashOffers('ottla', 'log', 'du'), ['dump'])
  assert.deepEqual(bashOffers('ottla', 'log', 'dump', '--off'), ['--offsets'])
  assert.deepEqual(bashOffers('ottla', 'log', 'dump', '--decode', 'j'), ['json'])
  assert.deepEqual(bashOffers('ottla', 'log', 'dump', 'package.j'), ['package.json'])
})

test('zsh accepts its script', { skip: missing('zsh') }, () => {
  const { status, stderr } = spawnSync('zsh', ['-n'], { input: completionScript('zsh', program), encoding: 'utf8' })
  assert.equal(status, 0, stderr)
})

test('fish completes verbs, options, choices', { skip: missing('fish') }, () => {
  const offers = (line: string): string[] => {
    const script = `${completionScript('fish', program)}\ncomplete -C '${line}'`
    const output = execFileSync('fish', ['--no-config', '-c', script], { encoding: 'utf8' })
    return output
      .split('\n')
      .filter(Boolean)
      .map(item => item.split('\t')[0]!)
  }
  assert.deepEqual(offers('ottla st'), ['start'])
  assert.deepEqual(offers('ottla start --po'), ['--port'])
  assert.deepEqual(offers('ottla start --log-level d'), ['debug'])
  assert.deepEqual(offers('ottla log du'), ['dump'])
  assert.deepEqual(offers('ottla log dump --off'), ['--offsets'])
  assert.deepEqual(offers('ottla log dump --decode j'), ['json'])
  assert.deepEqual(offers('ottla log dump package.j'), ['package.json'])
})

test('each script names every verb and every long option', () => {
  for (const shell of ['bash', 'zsh', 'fish'] satisfies Shell[]) {
    const script = completionScript(shell, program)
    for (const command of program.commands.flatMap(each => [each, ...each.commands])) {
      assert.ok(script.includes(command.name), `${shell} lacks ${command.name}`)
      for (const flag of command.options.map(option => option.flags[0]!)) {
        assert.ok(script.includes(shell === 'fish' ? `-l ${flag.slice(2)}` : flag), `${shell} lacks ${flag}`)
      }
    }
  }
})
