/**
 * The metadata server of Google Compute Engine, as far as Google's client libraries ask it
 * (https://cloud.google.com/compute/docs/metadata/querying-metadata): a tree of directories and texts, and tokens. The
 * rule: `Metadata-Flavor: Google` is demanded and sent, and `X-Forwarded-For` refused, as there: a web page cannot set
 * the one without asking first, and a server tricked into fetching for somebody else sends the other.
 */
import { BrokerError } from '../../contract/errors.ts'
import {
  lifetime,
  statusOf,
  wordsOf,
  type Cloud,
  type MetadataAnswer,
  type MetadataRequest,
  type TokenSource,
  type Variables,
} from './metadata.ts'

export interface GoogleOptions {
  /** What `project/project-id` answers; without it there is none. */
  readonly project?: string
}

/** Sent with every answer, and how a client knows that it talks to a metadata server at all. */
const flavor = { 'Metadata-Flavor': 'Google' } as const

const root = '/computeMetadata/v1'
/** What is asked for most, and needs to know nothing else of the account. */
const tokenPath = `${root}/instance/service-accounts/default/token`

/** A directory of names, or what a leaf answers; `value` is its form in `?recursive=true`, where it has one. */
type Node =
  | { readonly kind: 'folder'; readonly entries: ReadonlyMap<string, Node> }
  | { readonly kind: 'text'; readonly text: string; readonly value: unknown }
  | { readonly kind: 'token' }

const folder = (entries: readonly (readonly [string, Node])[]): Node => ({ kind: 'folder', entries: new Map(entries) })
const text = (value: string): Node => ({ kind: 'text', text: value, value })
const lines = (values: readonly string[]): Node => ({
  kind: 'text',
  text: values.map((value) => `${value}\n`).join(''),
  value: values,
})

/** The variables by which Google's libraries (Go, Java, Node, Python, gcloud) find a metadata server at `host`. */
export function googleVariables(host: string): Variables {
  return {
    GCE_METADATA_HOST: host,
    GCE_METADATA_IP: host,
    GCE_METADATA_ROOT: host,
    METADATA_SERVER_DETECTION: 'assume-present',
  }
}

/** Answers as that server does for an instance whose one service account is the account of `source`. */
export function googleCloud(source: TokenSource, options: GoogleOptions): Cloud {
  return {
    answer: (request) => answer(source, options, request),
    refuse: (error) => plain(statusOf(error), wordsOf(error)),
  }
}

async function answer(source: TokenSource, options: GoogleOptions, request: MetadataRequest): Promise<MetadataAnswer> {
  const { path, query } = request
  if (request.header('x-forwarded-for') !== undefined) return plain(403, 'X-Forwarded-For is not allowed.')
  // The probe of clients that only look whether there is a metadata server; it says nothing else.
  if (path === '/') return plain(200, 'computeMetadata/\n')
  if (request.header('metadata-flavor') !== 'Google') return plain(403, 'Missing Metadata-Flavor:Google header.')
  if (path === tokenPath) return token(source, query)
  const node = find(await tree(source, options), path)
  if (node === undefined) return plain(404, 'There is nothing at this path.')
  switch (node.kind) {
    case 'token':
      return token(source, query)
    case 'text':
      return plain(200, node.text)
    case 'folder':
      return query.get('recursive')?.toLowerCase() === 'true' ? json(recursive(node)) : plain(200, listing(node))
  }
}

/** What there is. Account ids and labels are the person's; nothing here is secret but what `token` answers. */
async function tree(source: TokenSource, { project }: GoogleOptions): Promise<Node> {
  const { label, scope } = await source.account()
  // The libraries put it into a path of their own making, so a label that is no address is not shown.
  const email = /^[\w.+-]{1,64}@[\w.-]{1,253}$/u.test(label) ? label : 'default'
  const account = folder([
    ['aliases', lines(['default'])],
    ['email', text(email)],
    ['scopes', lines(scope.split(' ').filter((word) => word !== ''))],
    ['token', { kind: 'token' }],
  ])
  return folder([
    [
      'instance',
      folder([
        [
          'service-accounts',
          folder([
            ['default', account],
            [email, account],
          ]),
        ],
      ]),
    ],
    ['project', folder(project === undefined ? [] : [['project-id', text(project)]])],
    ['universe', folder([['universe-domain', text('googleapis.com')]])],
  ])
}

/** The node at a path, compared as it came; directories also with a slash at the end. */
function find(top: Node, path: string): Node | undefined {
  if (path !== root && !path.startsWith(`${root}/`)) return undefined
  const names = path.slice(root.length + 1).split('/')
  if (names.at(-1) === '') names.pop()
  const slash = path.endsWith('/')
  let node: Node | undefined = top
  for (const name of names) node = node?.kind === 'folder' ? node.entries.get(name) : undefined
  return node?.kind === 'folder' || !slash ? node : undefined
}

/** RFC 6749 section 5.1 without what is nobody's business there. Scopes come comma separated. */
async function token(source: TokenSource, query: URLSearchParams): Promise<MetadataAnswer> {
  const words = query.getAll('scopes').flatMap((value) => value.split(/[\s,]+/u))
  const scope = words.filter((word) => word !== '').join(' ')
  const answered = await source.token(scope === '' ? undefined : scope)
  const { access_token, token_type } = answered
  return json({ access_token, expires_in: lifetime(answered), token_type })
}

function listing({ entries }: Extract<Node, { kind: 'folder' }>): string {
  return [...entries].map(([name, { kind }]) => `${name}${kind === 'folder' ? '/' : ''}\n`).join('')
}

/** A directory as JSON: names in camel case, and no tokens, which are given out one at a time. */
function recursive(node: Extract<Node, { kind: 'folder' }>): Readonly<Record<string, unknown>> {
  const shown = [...node.entries].flatMap(([name, entry]): (readonly [string, unknown])[] => {
    if (entry.kind === 'token') return []
    return [[camelCase(name), entry.kind === 'text' ? entry.value : recursive(entry)]]
  })
  return Object.fromEntries(shown)
}

const camelCase = (name: string): string =>
  name.includes('@') ? name : name.replaceAll(/-(\w)/gu, (_match, letter: string) => letter.toUpperCase())

const plain = (status: number, body: string): MetadataAnswer => ({
  status,
  type: 'application/text',
  body,
  headers: flavor,
})

const json = (value: unknown): MetadataAnswer => ({
  status: 200,
  type: 'application/json',
  body: JSON.stringify(value),
  headers: flavor,
})

/** A project id as Google writes them. Throws `invalid_request`. */
export function parseProject(value: string): string {
  if (/^(?:[a-z\d.-]{1,63}:)?[a-z][a-z\d-]{4,61}[a-z\d]$/u.test(value)) return value
  throw new BrokerError('invalid_request', 'A project id has 6 to 63 lower-case letters, digits and hyphens.')
}
