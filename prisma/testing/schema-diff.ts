/**
 * Compares the migrations with schema.prisma, and writes the SQL that leads from one to the other. For making a migration:
 * `node prisma/testing/schema-diff.ts` prints the statements the next one needs. For checking: a test asserts that
 * there are none. The migrations are applied to a PGlite database in memory; no server is touched.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import type { SqlMigrationAwareDriverAdapterFactory, SqlQuery, SqlResultSet } from '@prisma/driver-adapter-utils';
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from '@prisma/driver-adapter-utils';
import { SchemaEngine } from '@prisma/schema-engine-wasm';
import { readMigrations } from '../migrate.ts';

export interface SchemaDifference {
  /** 0: the migrations bring forth exactly the schema. 2: they differ. */
  exitCode: number;
  /** The statements that are missing, in order. */
  script: string;
}

/** What lies between the database the migrations make and `prisma/schema.prisma`. */
export async function schemaDifference(): Promise<SchemaDifference> {
  const schemaPath = join(import.meta.dirname, '..', 'schema.prisma');
  const files = [{ path: schemaPath, content: await readFile(schemaPath, 'utf8') }];
  const migrations = await readMigrations();
  const shadows: PGlite[] = [];
  const factory = bindMigrationAwareSqlAdapterFactory(shadowFactory(shadows));
  const engine = await SchemaEngine.new(
    { datamodels: files.map((f) => [f.path, f.content]) },
    () => undefined,
    factory,
  );
  try {
    const result = await engine.diff({
      from: {
        tag: 'migrations',
        baseDir: join(import.meta.dirname, '..', 'migrations'),
        lockfile: { path: 'migration_lock.toml', content: 'provider = "postgresql"\n' },
        shadowDbInitScript: '',
        migrationDirectories: migrations.map((m) => ({
          path: m.name,
          migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: m.sql } },
        })),
      },
      to: { tag: 'schemaDatamodel', files },
      script: true,
      exitCode: true,
      filters: { externalTables: [], externalEnums: [] },
    });
    return { exitCode: result.exitCode, script: result.stdout ?? '' };
  } finally {
    engine.free();
    await Promise.all(shadows.map((shadow) => shadow.close()));
  }
}

/** The engine asks for a database and for a shadow; each is a new one in memory, noted in `opened` for closing. */
function shadowFactory(opened: PGlite[]): SqlMigrationAwareDriverAdapterFactory {
  const connect = async () => {
    const database = await PGlite.create();
    opened.push(database);
    return adapterOf(database);
  };
  return { provider: 'postgres', adapterName: 'pglite-shadow', connect, connectToShadowDb: connect };
}

/** As much of an adapter as the schema engine needs: scripts as a whole, and queries of the catalogue. */
function adapterOf(database: PGlite) {
  const queryable = {
    provider: 'postgres' as const,
    adapterName: 'pglite-shadow',
    async queryRaw(query: SqlQuery): Promise<SqlResultSet> {
      const result = await database.query<unknown[]>(query.sql, query.args, { rowMode: 'array' });
      return {
        columnNames: result.fields.map((field) => field.name),
        columnTypes: result.fields.map((field) => columnType(field.dataTypeID)),
        rows: result.rows,
      };
    },
    async executeRaw(query: SqlQuery): Promise<number> {
      return (await database.query(query.sql, query.args)).affectedRows ?? 0;
    },
  };
  return {
    ...queryable,
    async executeScript(script: string) {
      await database.exec(script);
    },
    async startTransaction(): Promise<never> {
      throw new Error('the schema engine compares without transactions');
    },
    async dispose() {
      // Closed by schemaDifference, which may still read from it.
    },
  };
}

/** The catalogue's types by object id; anything else would be read as text. */
function columnType(oid: number) {
  const types: Record<number, (typeof ColumnTypeEnum)[keyof typeof ColumnTypeEnum]> = {
    16: ColumnTypeEnum.Boolean,
    18: ColumnTypeEnum.Character,
    20: ColumnTypeEnum.Int64,
    21: ColumnTypeEnum.Int32,
    23: ColumnTypeEnum.Int32,
    26: ColumnTypeEnum.Int64,
    1002: ColumnTypeEnum.CharacterArray,
    1003: ColumnTypeEnum.TextArray,
    1005: ColumnTypeEnum.Int32Array,
    1007: ColumnTypeEnum.Int32Array,
    1009: ColumnTypeEnum.TextArray,
    1016: ColumnTypeEnum.Int64Array,
  };
  return types[oid] ?? ColumnTypeEnum.Text;
}

if (import.meta.main) {
  const { script } = await schemaDifference();
  console.log(script);
}
