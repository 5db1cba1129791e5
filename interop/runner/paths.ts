/** Where things are. The cache outlives a run: installed dependencies and built programs. */
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const interopDir = dirname(dirname(fileURLToPath(import.meta.url)))
export const repositoryDir = dirname(interopDir)
export const cacheDir = process.env['INTEROP_CACHE'] ?? join(repositoryDir, '.cache', 'interop')

/** A path in the cache whose folder exists. */
export function cached(...names: string[]): string {
  const path = join(cacheDir, ...names)
  mkdirSync(dirname(path), { recursive: true })
  return path
}

/** The jars of Kafka 4.3.1: its command-line tools, its DumpLogSegments, and the oracle itself. */
export const kafkaJars = join(cacheDir, 'kafka-4.3.1')
export const kafkaToolClasses = join(cacheDir, 'kafka-tools-classes')

/** The jars of one version of the Java client. */
export function javaJars(version: string): string {
  return join(cacheDir, `java-${version}`, 'jars')
}
/** The Java programs of groups, which need the newest client. */
export const groupClasses = join(cacheDir, 'java-groups-classes')
