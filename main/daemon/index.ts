/**
 * The headless host: the same broker as the desktop's, without a window. The rule: this file wires and decides nothing;
 * read top to bottom it says what a broker consists of and in which order it comes and goes.
 */
import { fileURLToPath } from 'node:url'
import { Broker } from '../broker/broker.ts'
import { Secret } from '../broker/secret.ts'
import { asBrokerError, BrokerError, errorTable } from '../contract/errors.ts'
import { homePaths, type HomePaths } from '../contract/home.ts'
import { loadIdentity } from '../endpoint/identity.ts'
import { readPrivateFile, writePrivateFile } from '../endpoint/private-file.ts'
import { startEndpoint } from '../endpoint/server.ts'
import { createAuthorizationServers } from '../oauth/authorization-servers.ts'
import { openActivity } from '../vault/activity.ts'
import { prepareHome } from '../vault/home.ts'
import { takeOwnership } from '../vault/owner-lock.ts'
import { keyFileSlot } from '../vault/slots/key-file.ts'
import { osKeyringSlot } from '../vault/slots/os-keyring.ts'
import { passphraseSlot } from '../vault/slots/passphrase.ts'
import { openVault } from '../vault/vault.ts'
import { parseDaemonArguments } from './arguments.ts'
import { systemClock, systemRandomness } from './clock.ts'
import { startConsole } from './console.ts'
import { faultPoints } from './faults.ts'
import { createLog } from './log.ts'
import { readNewPassphrase } from './passphrase.ts'
import { createPerson } from './person.ts'

declare const __VERSION__: string
