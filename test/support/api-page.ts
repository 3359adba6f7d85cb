/**
 * docs/api.md against the sources: what the declarations say, and what the page says they say.
 *
 * A verb has a heading `### put`, a block of code with its declaration, and says how consistent it
 * is and which failures are its own. A type has a heading `### \`PutOptions\`` and a block.
 */
export interface Declared {
  readonly name: string
  /** Without comments, as it is formatted in the source. */
  readonly code: string
}

/** The members of an interface; overloads count as one each. */
export function membersOf(source: string, interfaceName: string): readonly Declared[] {
  const body = bodyOf(source, interfaceName)
  const members: string[] = []
  let [depth, from] = [0, 0]
  for (let at = 0; at < body.length; at++) {
    const char = body[at] as string
    if ('({[<'.includes(char)) depth++
    else if (')}]'.includes(char) || (char === '>' && body[at - 1] !== '=')) depth--
    else if (char === '\n' && depth === 0 && isComplete(body.slice(from, at))) {
      members.push(body.slice(from, at))
      from = at
    }
  }
  return members
    .map(member => member.replaceAll(/^ {2}/gm, '').trim())
    .filter(code => code !== '')
    .map(code => ({ name: /^(?:readonly )?(\w+)/.exec(code)?.[1] ?? code, code }))
}

/** A member goes on where it ends in an operator. */
const isComplete = (text: string): boolean => !/[=|&:?,]\s*$/.test(text)

function bodyOf(source: string, interfaceName: string): string {
  const text = withoutComments(source)
  const found = new RegExp(`export interface ${interfaceName}\\b[^{]*\\{`).exec(text)
  if (found === null) throw new Error(`there is no interface ${interfaceName}`)
  return text.slice(found.index + found[0].length, closing(text, found.index + found[0].length))
}

/** Where the brace closes that is open at `at`. */
function closing(text: string, at: number): number {
  for (let depth = 1; at < text.length; at++) {
    if (text[at] === '{') depth++
    if (text[at] === '}' && --depth === 0) return at
  }
  throw new Error('a brace stays open')
}

/** The declaration of an exported type with its comments, as it stands in the source. */
export function declarationOf(source: string, name: string): string | undefined {
  const start = new RegExp(`^export (?:interface|type) ${name}\\b`, 'm').exec(source)
  if (start === null) return undefined
  const rest = source.slice(start.index)
  // A block ends with a brace of its own line, anything else before an empty line.
  const isBlock = (rest.split('\n', 1)[0] ?? '').endsWith('{')
  const text = rest.slice(0, isBlock ? rest.indexOf('\n}') + 2 : rest.search(/\n\n|$/))
  return text.replace(/^export /, '').trim()
}

const withoutComments = (text: string): string =>
  text.replaceAll(/^ *\/\*[\s\S]*?\*\/\n|\/\*[\s\S]*?\*\//gm, '')

export interface Section {
  readonly heading: string
  readonly text: string
  /** Of its first block. */
  readonly code: string | undefined
}

export const sectionsOf = (page: string): readonly Section[] =>
  page
    .split(/^### /m)
    .slice(1)
    .map(part => ({
      heading: (part.split('\n', 1)[0] ?? '').replaceAll('`', '').trim(),
      text: part,
      code: /```ts\n([\s\S]*?)```/.exec(part)?.[1],
    }))

/** The page with the blocks that are wrong written anew. */
export function rewritten(page: string, wanted: ReadonlyMap<string, string>): string {
  return page
    .split(/^(?=### )/m)
    .map(part => {
      const heading = (part.split('\n', 1)[0] ?? '').replace(/^### /, '').replaceAll('`', '').trim()
      const code = wanted.get(heading)
      if (code === undefined) return part
      return part.replace(/```ts\n[\s\S]*?```/, () => `\`\`\`ts\n${code}\n\`\`\``)
    })
    .join('')
}
