/** Every scenario, by name. */

import type { Scenario } from './scenario.ts'
import { brokerScenario } from './scenarios/broker.ts'
import { groupsScenario } from './scenarios/groups.ts'
import { ioScenario } from './scenarios/io.ts'
import { logScenario } from './scenarios/log.ts'

export const scenarios: readonly Scenario[] = [ioScenario, brokerScenario, groupsScenario, logScenario]
