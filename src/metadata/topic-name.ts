/** Which names a topic may have (Kafka's rules), and which names would get in each other's way. */

const PATTERN = /^[a-zA-Z0-9._-]*$/
const LENGTH_MAX = 249

/** Kafka keeps its own metadata log under this name, beside the topics. */
export const CLUSTER_METADATA_TOPIC = '__cluster_metadata'

/** Why a name is no topic's; undefined when it is fine. */
export function topicNameProblem(name: string): string | undefined {
  if (name === '') return "the empty string is not allowed as a topic's name"
  if (name === '.' || name === '..') return `'${name}' is not allowed as a topic's name`
  if (name.length > LENGTH_MAX)
    return `a topic's name has at most ${LENGTH_MAX} characters, this one has ${name.length}`
  if (!PATTERN.test(name)) return `'${name}' has characters other than ASCII letters and digits, '.', '_' and '-'`
  return undefined
}

/**
 * Names with the same key cannot both be used: metric names have '_' for '.', and on a case-insensitive disk names that differ only in
 * case are one folder.
 */
export function collisionKey(name: string, caseInsensitiveDisk: boolean): string {
  const unified = name.replaceAll('.', '_')
  return caseInsensitiveDisk ? unified.toLowerCase() : unified
}
