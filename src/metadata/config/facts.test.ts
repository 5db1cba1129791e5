import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { kafkaBrokerKeys } from './broker-keys.ts'
import type { ConfigKey, KeyTable } from './definition.ts'
import { topicKeys } from './topic-keys.ts'

const directory = resolve(import.meta.dirname, '../../../../shared/protocol-facts/configs')
const skip = existsSync(directory) ? false : 'the folder of protocol facts is not there'

interface Fact {
  readonly name: string
  readonly type: string
  readonly default?: string | number | boolean | null | readonly string[]
  readonly required?: boolean
  readonly valid?: string
  readonly importance: string
}

/** Our key in the form of the facts; longs and doubles beyond what JSON numbers hold are compared as text. */
function factOf(name: string, key: ConfigKey): Fact {
  const { type, required, importance } = key
  const value = type === 'long' ? longFact(key) : (key.defaultValue as Fact['default'])
  return {
    name,
    type,
    ...(required ? { required } : { default: value ?? null }),
    valid: key.validator.valid,
    importance,
  }
}

function longFact({ defaultText }: ConfigKey): number | string | null {
  if (defaultText === null) return null
  return Number.isSafeInteger(Number(defaultText)) ? Number(defaultText) : defaultText
}

for (const [file, table] of [
  ['broker.json', kafkaBrokerKeys],
  ['topic.json', topicKeys],
] as const satisfies readonly (readonly [string, KeyTable])[]) {
  test(
    `every key of ${file} has Kafka's type, default, valid values and importance, and there is no other`,
    { skip },
    () => {
      const facts = JSON.parse(readFileSync(resolve(directory, file), 'utf8')) as Fact[]
      const expected = facts.map(fact => ({ ...fact, valid: fact.valid ?? '' }))
      const actual = Object.entries(table).map(([name, key]) => factOf(name, key))
      const byName = (a: Fact, b: Fact): number => (a.name < b.name ? -1 : 1)
      assert.deepEqual(actual.sort(byName), expected.sort(byName))
    },
  )

  test(`every key of ${file} is documented`, () => {
    for (const [name, key] of Object.entries<ConfigKey>(table)) {
      assert.match(key.documentation, /^[A-Z_].*[.]$/, name)
    }
  })
}
