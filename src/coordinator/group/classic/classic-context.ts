/** What the parts of the classic protocol share: the shard's groups, its timers and settings. */

import type { Logger } from '../../../std/logger.ts'
import type { CoordinatorResult, ShardContext } from '../../runtime/coordinator.ts'
import type { TimelineMap } from '../../runtime/timeline.ts'
import type { GroupConfig } from '../group-config.ts'
import type { GroupRecord } from '../group-records.ts'
import type { Group } from '../group.ts'
import { ClassicGroup } from './classic-group.ts'

export interface ClassicContext {
  readonly shard: ShardContext<GroupRecord, never>
  readonly groups: TimelineMap<string, Group>
  readonly config: () => GroupConfig
  readonly logger: Logger
}

/** Who asks. */
export interface GroupRequester {
  readonly apiVersion: number
  readonly clientId: string
  /** With a slash in front, as Java prints addresses. */
  readonly clientHost: string
}

/** Nothing to write; whoever is to be answered has been, or will be. */
export type ClassicResult = CoordinatorResult<GroupRecord, void>
export const nothing: ClassicResult = { records: [], response: undefined }

/** The group under this id, where it is of the classic protocol. */
export function classicGroupOf(groups: TimelineMap<string, Group>, groupId: string): ClassicGroup | undefined {
  const group = groups.get(groupId)
  return group instanceof ClassicGroup ? group : undefined
}
