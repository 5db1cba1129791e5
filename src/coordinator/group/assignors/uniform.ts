/**
 * The `uniform` assignor, the default: everybody gets as many partitions as the others, give or take one, and keeps of what it has as much as
 * that allows.
 */

import type { AssignableTopics, Assignment, Assignor, GroupSpec } from './assignor.ts'
import { assignHeterogeneous } from './uniform-heterogeneous.ts'
import { assignHomogeneous } from './uniform-homogeneous.ts'

export const uniformAssignor: Assignor = { name: 'uniform', assign: assignUniformly }

function assignUniformly(group: GroupSpec, topics: AssignableTopics): ReadonlyMap<string, Assignment> {
  if (group.members.size === 0) return new Map()
  return group.isHomogeneous ? assignHomogeneous(group, topics) : assignHeterogeneous(group, topics)
}
