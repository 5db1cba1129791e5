/**
 * What the groups of a newer protocol are to the shard: they apply their own records, and take the requests of members that still speak the classic
 * protocol while their group has moved on.
 */

import type { ErrorName } from '../../protocol/errors.ts'
import type { HeartbeatRequest } from '../../protocol/messages/heartbeat.ts'
import type { LeaveGroupRequest } from '../../protocol/messages/leave-group.ts'
import type { CoordinatorResult, RecordPlace, TopicsChange } from '../runtime/coordinator.ts'
import type { ClassicResult } from './classic/classic-context.ts'
import type { Join } from './classic/join.ts'
import type { LeaveAnswer } from './classic/leave.ts'
import type { Sync } from './classic/sync.ts'
import type { GroupRecord } from './group-records.ts'
import type { Group } from './group.ts'

export interface NewerGroups {
  /** Every record that is neither an offset nor a classic group's. */
  replay(record: GroupRecord, place: RecordPlace): void
  onLoaded(): void
  onUnloaded(error: ErrorName): void
  onTopicsChanged(change: TopicsChange): void
  /** Whether a member of the classic protocol may enter the group; if so, `join` is called. An empty group makes room for a classic one instead. */
  takesClassicMembers(group: Group): boolean
  join(group: Group, join: Join): ClassicResult
  sync(group: Group, sync: Sync): ClassicResult
  /** NONE: all is well. */
  heartbeat(group: Group, request: HeartbeatRequest): CoordinatorResult<GroupRecord, ErrorName>
  leave(group: Group, members: LeaveGroupRequest['members']): CoordinatorResult<GroupRecord, LeaveAnswer>
}
