/** Documents with a cursor in them, written as `¦`. */
import type { Point } from '../../source-text.ts';
import type { Analysis } from '../analyze.ts';
import { analyze } from '../analyze.ts';

export interface Edited {
  text: string;
  analysis: Analysis;
  point: Point;
}

export function atCursor(marked: string): Edited {
  const at = marked.indexOf('¦');
  const text = marked.slice(0, at) + marked.slice(at + 1);
  const before = marked.slice(0, at).split('\n');
  return { text, analysis: analyze(text), point: { line: before.length, column: (before.at(-1) ?? '').length + 1 } };
}

/** A document with every section, and the given lines as the settings of its last step, `Pay`. */
export function claim(...lines: string[]): string {
  return `# Claim
- id: claim

## Inputs
| Name     | Type         | Rule       | Meaning     |
|----------|--------------|------------|-------------|
| claimed  | number       | at least 0 | the claim   |
| claimant | text         |            | who is paid |
| lines    | list of Line |            |             |

## Types
### Receipt
| Field  | Type   | Rule                                 |
|--------|--------|--------------------------------------|
| shop   | text   | length at least 1                    |
| amount | number |                                      |
| line   | Line   | optional                             |

### Line
| Field | Type   |
|-------|--------|
| what  | text   |

## Agents
### Accountant
- model: small
- tools: policy.lookup, policy.list

You are careful.

## Steps
### Read the receipt
- agent: [Accountant](#accountant)
- uses: \`input.lines\`
- gives: Receipt

Read it.

### Manager approves
- approve: manager
- show: [Read the receipt](#read-the-receipt)

### Pay
${lines.join('\n')}
`;
}
