import { importShard } from './import-shard.ts'

await importShard(1)
