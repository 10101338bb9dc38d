/**
 * Whether a definition works: every flow it names, played through against the provider it describes, in each of the places
 * it says an answer may have its parts. The rule: the flows are the real ones (nothing but the network is replaced), and
 * every check says what it saw. It tells whether a definition is right in itself, never whether it is right about its
 * provider.
 */
import type { Flow, ProviderCheck, Redirect } from '../../contract/model.ts'
import type { Clock, GrantMaterial, RunningSignIn, SignInOutcome } from '../../broker/ports.ts'
import { Secret } from '../../broker/secret.ts'
import type { ProviderDefinition } from '../../providers/provider.ts'
import { flowsOf } from '../../providers/summary.ts'
import { valuesOf, type Values } from '../../providers/template.ts'
import { createAuthorizationServers } from '../authorization-servers.ts'
import { ASSERTED, demandProof, newClientKey, type ClientKey } from './proof.ts'
import { emulate, type Emulator } from './emulator.ts'

const CLIENT = { client_id: 'client/id', client_secret: 'secret+/=~%' }
const PERSON = { username: 'person@example.com', password: 'pass word&' }
/** Milliseconds. */
const TIMEOUT = 10_000
/** Places beyond this many are not told apart. */
const VARIANTS = 3

/** Plays the definition through. Never rejects: what goes wrong is a check that is not `ok`. */
export async function conform(definition: ProviderDefinition, given: Clock): Promise<readonly ProviderCheck[]> {
  // Pauses between questions are shortened; how long a sign-in may take is not.
  const clock: Clock = { ...given, after: (delay, task) => given.after(delay < TIMEOUT ? delay / 1000 : delay, task) }
  const checks: ProviderCheck[] = []
  for (const flow of flowsOf(definition))
    for (let variant = 0; variant < variantsOf(definition); variant++)
      checks.push(...(await new Play(definition, flow, variant, clock).run()))
  return checks
}

/** How many places there are at most for any one part. */
function variantsOf({
  token_response: response,
  token_error: error,
  authorization_response: names,
}: ProviderDefinition): number {
  const lists: readonly unknown[] = [response, error, names].flatMap((part) => Object.values(part ?? {}) as unknown[])
  const longest = Math.max(1, ...lists.map((list) => (Array.isArray(list) ? list.length : 1)))
  return Math.min(VARIANTS, response?.expires_at && response.expires_in ? Math.max(2, longest) : longest)
}

/** Values for what a person would fill in. */
export function sampleValues(definition: ProviderDefinition): Values {
  const made = { hostname: 'tenant.example.com', uri: 'https://provider.example.com', slug: 'tenant', text: 'value' }
  return Object.fromEntries(
    Object.entries(definition.variables ?? {}).map(([name, variable]) => [
      name,
      variable.default ??
        variable.enum?.[0] ??
        (variable.under === undefined ? (variable.example ?? made[variable.format]) : `tenant.${variable.under}`),
    ]),
  )
}

type SignedIn = Extract<SignInOutcome, { kind: 'signed-in' }>

class Play {
  readonly #definition: ProviderDefinition
  readonly #flow: Flow
  readonly #params: Values
  readonly #emulator: Emulator
  readonly #servers: ReturnType<typeof createAuthorizationServers>
  readonly #secret: string | undefined
  readonly #key: ClientKey | undefined
  readonly #where: string
  readonly #checks: ProviderCheck[] = []

  constructor(definition: ProviderDefinition, flow: Flow, variant: number, clock: Clock) {
    this.#definition = definition
    this.#flow = flow
    this.#params = sampleValues(definition)
    this.#where = variant === 0 ? flow : `${flow}, place ${String(variant + 1)}`
    const type = definition.client.client_type
    const isPublic =
      type === 'public' || (type === undefined && definition.client.token_endpoint_auth_method === 'none')
    this.#key = definition.client.token_endpoint_auth_method === 'private_key_jwt' ? newClientKey() : undefined
    this.#secret = isPublic || this.#key ? undefined : CLIENT.client_secret
    const secret = this.#key ? ASSERTED : this.#secret
    const values = valuesOf(definition, this.#params)
    const emulator = emulate({
      definition,
      values,
      client: { client_id: CLIENT.client_id, ...(secret !== undefined && { client_secret: secret }) },
      person: PERSON,
      variant,
      now: () => clock.now(),
    })
    const { client_id } = CLIENT
    this.#emulator = demandProof(emulator, { definition, values, client_id, client_key: this.#key?.publicKey })
    this.#servers = createAuthorizationServers({
      providers: { list: () => Promise.resolve([definition]), find: () => Promise.resolve(definition) },
      log: () => undefined,
      clock,
      version: 'conformance',
      http: this.#emulator.http,
      resolve: () => Promise.resolve([]),
      schemeIsOurs: () => Promise.resolve(true),
    })
  }

  async run(): Promise<readonly ProviderCheck[]> {
    try {
      await this.#declined()
      await this.#revocation()
      const linked = await this.#linked()
      if (linked) {
        this.#expiry(linked)
        this.#apiHost(linked)
        await this.#renewal(linked)
      }
    } catch (thrown) {
      this.#check('runs to its end', false, thrown instanceof Error ? thrown.message : 'it threw something odd')
    }
    for (const complaint of new Set(this.#emulator.complaints))
      this.#check('asks as the definition says', false, complaint)
    return this.#checks
  }

  async #linked(): Promise<SignedIn | undefined> {
    const outcome = await this.#signIn('allow')
    if (outcome.kind !== 'signed-in') {
      this.#check('links', false, outcome.kind === 'refused' ? outcome.error.message : outcome.kind)
      return undefined
    }
    this.#check(
      'links',
      true,
      outcome.identity.label === undefined ? 'a token' : `a token, as ${outcome.identity.label}`,
    )
    const { connection, access } = outcome.material
    if (this.#definition.dpop !== undefined)
      this.#check(
        'binds its tokens to a key of the account',
        connection.dpop_key !== undefined && access?.token_type === 'DPoP',
        access?.token_type ?? 'no token',
      )
    // An ID token that has the name makes the call unnecessary; without one it has to have been made.
    const asked = this.#emulator.authorizations.length > 0
    if (this.#definition.identity && (asked || this.#definition.discovery.type !== 'oidc')) {
      const wanted = this.#definition.resource.authorization.template.split('${access_token}')[0] ?? ''
      const [sent = ''] = this.#emulator.authorizations
      this.#check(
        'calls the API in its own scheme',
        sent.startsWith(wanted) && sent.length > wanted.length,
        wanted.trim() || 'the token alone',
      )
    }
    return outcome
  }

  async #declined(): Promise<void> {
    // Where the code is shown, so is a refusal: nothing comes back.
    if (this.#flow !== 'browser' || this.#redirect() === 'oob') return
    const outcome = await this.#signIn('deny')
    const code = outcome.kind === 'refused' ? outcome.error.code : outcome.kind
    this.#check('says that it was declined', code === 'access_denied', code)
  }

  #expiry({ material }: SignedIn): void {
    const operation = this.#definition.grants?.[this.#flow === 'password' ? 'password' : 'authorization_code']
    const response = operation?.response ?? this.#definition.token_response
    const { access } = material
    const lives = access && access.expires_at !== null ? access.expires_at - access.obtained_at : null
    const expected = response?.default_expires_in ?? this.#emulator.lifetime
    this.#check('knows when the token ends', lives !== null && Math.abs(lives - expected) <= 5, `${String(lives)} s`)
  }

  #apiHost({ material }: SignedIn): void {
    const { base_url_from: from } = this.#definition.resource
    if (!from) return
    const [first = ''] = material.connection.api_base_urls
    this.#check(
      'goes to the API host it was told',
      from.under.some((domain) => first.includes(`api.${domain}/`)),
      first,
    )
  }

  /** With a sign-in of its own, because what is ended cannot be renewed. */
  async #revocation(): Promise<void> {
    const outcome = await this.#signIn('allow')
    if (outcome.kind !== 'signed-in') return
    const { connection } = outcome.material
    const own = this.#definition.revocation
    if (!own && connection.revocation_endpoint === undefined) return
    const { kind, detail = 'no token is good for anything any more' } = await this.#servers.revoke(outcome.material)
    const wanted = own?.auth === 'client_basic' && this.#secret === undefined ? 'unsupported' : 'revoked'
    const over = !this.#emulator.anyGrant()
    this.#check('ends the grant there', kind === wanted && over === (wanted === 'revoked'), `${kind}: ${detail}`)
    if (wanted !== 'revoked') return
    const again = await this.#servers.revoke(outcome.material)
    // RFC 7009 section 2.2: a token that is not known any more is no error.
    const expected = own ? 'failed' : 'revoked'
    this.#check('tells an ended grant from one it could not end', again.kind === expected, again.kind)
  }

  async #renewal({ material }: SignedIn): Promise<void> {
    const { connection, refresh_token: token } = material
    if (connection.renew === 'reobtain') {
      await this.#renewed(material, 'gets a new token by the same grant', false)
    } else if (token) {
      this.#emulator.rotate(false)
      await this.#renewed(material, 'renews, and keeps a refresh token that is not replaced', false)
      this.#emulator.rotate(true)
      const second = await this.#renewed(material, 'renews, and takes a refresh token that is', true)
      this.#emulator.endGrants()
      await this.#refused({ ...material, refresh_token: second ?? token }, 'believes the end of a grant', 'final')
    } else {
      this.#check('leaves renewing to the person', connection.renew === 'sign_in', 'no refresh token')
      return
    }
    if (this.#secret === undefined && !this.#key) return
    this.#emulator.changeSecret()
    await this.#refused(material, 'tells a refused client from an ended grant', 'client-configuration')
  }

  /** Another access token, and another refresh token if `replaced`, else none. Answers the latter. */
  async #renewed(
    { connection, refresh_token, access }: GrantMaterial,
    name: string,
    replaced: boolean,
  ): Promise<Secret | null> {
    const outcome = await this.#servers.refresh(connection, refresh_token, {})
    if (outcome.kind !== 'refreshed') {
      this.#check(name, false, `${outcome.kind}: ${outcome.detail}`)
      return null
    }
    const another = access !== null && !access.value.equals(outcome.access.value)
    const said = outcome.refresh_token === null ? 'no refresh token' : 'a refresh token'
    const fits = (outcome.refresh_token !== null) === replaced
    this.#check(name, another && fits, `${another ? 'a new token' : 'the same token'} and ${said}`)
    return outcome.refresh_token
  }

  async #refused(
    { connection, refresh_token }: GrantMaterial,
    name: string,
    wanted: 'final' | 'client-configuration',
  ): Promise<void> {
    const outcome = await this.#servers.refresh(connection, refresh_token, {})
    const detail = outcome.kind === 'refreshed' ? 'a new token' : outcome.detail
    this.#check(name, outcome.kind === wanted, `${outcome.kind}: ${detail}`)
  }

  async #signIn(choice: 'allow' | 'deny'): Promise<SignInOutcome> {
    const running = await this.#servers.startSignIn({
      provider: this.#definition.id,
      flow: this.#flow,
      ...(this.#flow === 'browser' && { redirect: this.#redirect() }),
      client_id: CLIENT.client_id,
      ...(this.#secret !== undefined && { client_secret: new Secret(this.#secret) }),
      ...(this.#key && { client_key: new Secret(this.#key.pem) }),
      ...(this.#flow === 'password' && {
        person: { username: PERSON.username, password: new Secret(PERSON.password) },
      }),
      params: this.#params,
      timeout: TIMEOUT,
    })
    await this.#come(running, choice)
    return running.done
  }

  async #come(running: RunningSignIn, choice: 'allow' | 'deny'): Promise<void> {
    if (this.#flow === 'browser') await running.submit(this.#emulator.authorize(running.authorization_url, choice))
    else if (this.#flow === 'device') this.#emulator.enterUserCode()
  }

  #redirect(): Redirect {
    const methods = this.#definition.redirect?.methods ?? []
    return methods.includes('loopback') || methods.includes('https')
      ? 'paste'
      : methods.includes('oob')
        ? 'oob'
        : 'custom-scheme'
  }

  #check(name: string, ok: boolean, detail: string): void {
    this.#checks.push({ name: `${this.#where}: ${name}`, ok, detail })
  }
}
