/** What is checked behind the programs' backs: the codecs on the disk, and that another client reads the same bytes. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './process.ts'
import { readProgram, type Result, type Wrote } from './results.ts'
import { readBatches, wrongCodec } from './segments.ts'
import { javaClientCommand } from './suites.ts'

/** One result for each partition that a program filled. */
export function checkCodecs(suite: string, wrote: readonly Wrote[], dataDir: string | undefined): Result[] {
  return wrote.map(({ topic, partition, codec }) => {
    const test = `codec on disk, ${topic}-${partition} ${codec}`
    if (dataDir === undefined) return { suite, test, outcome: 'skipped', why: 'the data folder is not known' }
    try {
      const why = wrongCodec(readBatches(dataDir, topic, partition), codec)
      return why === undefined ? { suite, test, outcome: 'passed' } : { suite, test, outcome: 'failed', why }
    } catch (error) {
      return { suite, test, outcome: 'failed', why: (error as Error).message }
    }
  })
}

/** Lets the newest Java client compare what every other client wrote with the vectors. */
export async function crossRead(
  address: string,
  wrote: readonly Wrote[],
  vectorsPath: string,
  dir: string,
): Promise<Result[]> {
  const listPath = join(dir, 'wrote.txt')
  const lines = wrote.flatMap(({ topic, partition, codec, lacks }) =>
    lacks === undefined ? [] : [`${topic} ${partition} ${codec} ${lacks.join(',') || '-'}\n`],
  )
  writeFileSync(listPath, lines.join(''))
  const finished = await run(javaClientCommand('4.3.1', 'CrossRead', [address, vectorsPath, listPath]), 60_000)
  return readProgram('cross', finished).results
}
