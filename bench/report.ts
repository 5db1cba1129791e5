/** Results as people read them: a line while it runs, and the tables of docs/performance.md, each under the command that measures it. */
import type { Contender, Ratio, Result, Suite } from './harness.ts'

const titles: Readonly<Record<Contender, string>> = {
  ottla: 'Ottla',
  revision: 'Revision',
  yardstick: 'Yardstick',
  kafka: 'Kafka',
}

export function line({ row, metric, unit, medians, ratios, digits }: Result): string {
  const numbers = Object.entries(medians).map(([contender, value]) => `${contender} ${value.toFixed(digits)}`)
  const quotients = Object.entries(ratios).map(([rival, ratio]) => `÷ ${rival} ${ratioText(ratio)}`)
  return `${row}: ${metric}, ${unit}: ${[...numbers, ...quotients].join(', ')}`
}

/** One section for each suite that has results; `options` are those of the command, suites aside. */
export function markdown(suites: readonly Suite[], results: readonly Result[], options: readonly string[]): string {
  return suites
    .map(suite => ({ suite, rows: results.filter(result => result.suite === suite.name && !result.detail) }))
    .filter(({ rows }) => rows.length > 0)
    .map(({ suite, rows }) => {
      const command = ['npm run bench --', ...options, suite.name].join(' ')
      return `### ${suite.name}: ${suite.what}\n\n    ${command}\n\n${table(rows)}\n`
    })
    .join('\n')
}

function table(results: readonly Result[]): string {
  const contenders = (['ottla', 'revision', 'yardstick', 'kafka'] as const).filter(contender =>
    results.some(({ medians }) => medians[contender] !== undefined),
  )
  const rivals = contenders.filter(contender => contender !== 'ottla')
  const cells = (texts: readonly string[]): string => `| ${texts.join(' | ')} |`
  const head = cells([
    'What',
    'Measure',
    ...contenders.map(contender => titles[contender]),
    ...rivals.map(rival => `÷ ${titles[rival]} (range)`),
    'Pairs',
  ])
  const lines = results.map(({ row, metric, unit, better, digits, medians, ratios, pairs }) =>
    cells([
      row,
      `${metric}, ${unit} ${better === 'higher' ? '↑' : '↓'}`,
      ...contenders.map(contender => numberText(medians[contender], digits)),
      ...rivals.map(rival => ratioText(ratios[rival])),
      String(pairs),
    ]),
  )
  return [head, `|---|---|${'--:|'.repeat(contenders.length + rivals.length + 1)}`, ...lines].join('\n')
}

function numberText(value: number | undefined, digits: number): string {
  if (value === undefined) return '–'
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

function ratioText(ratio: Ratio | undefined): string {
  if (ratio === undefined) return '–'
  return `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})`
}
