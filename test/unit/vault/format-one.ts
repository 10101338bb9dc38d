/**
 * A vault as a Valetkey of format 1 wrote it, before account rows were authenticated: accounts `a` (label ada, generation
 * 2, rt-2) and `b` (label bob, generation 1, rt-b), the client `c`, and a key file. The rule: it was written by that
 * program and is kept as it was; nothing here makes it up.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { Home } from './rig.ts'

/** Puts that vault and its key file into a home that has none yet. */
export function plantFormatOne(home: Home): Home {
  mkdirSync(home.paths.home, { recursive: true, mode: 0o700 })
  writeFileSync(home.keyFile, `${keyFile}\n`, { mode: 0o600 })
  writeFileSync(home.paths.vault, '', { mode: 0o600 })
  const db = new DatabaseSync(home.paths.vault)
  db.exec(`PRAGMA application_id = ${String(0x56_4b_45_59)}; PRAGMA user_version = 1; PRAGMA journal_mode = WAL`)
  db.exec(sql)
  db.close()
  return home
}

/** The key of this vault only. */
const keyFile = 'D1kL_4lT-6ZuciEdfrhuuvippCZWzCjR2E4bONzOlwE'

const sql = `
  CREATE TABLE vault (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    vault_id TEXT NOT NULL,
    key_id BLOB,
    tally BLOB,
    backup_due INTEGER NOT NULL DEFAULT 0,
    salvage TEXT
  ) STRICT;
  CREATE TABLE key_slots (kind TEXT PRIMARY KEY, wrapped BLOB NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE accounts (id TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE generations (
    account_id TEXT NOT NULL,
    place INTEGER NOT NULL CHECK (place = generation % 2),
    generation INTEGER NOT NULL CHECK (generation > 0),
    quarantined INTEGER NOT NULL DEFAULT 0 CHECK (quarantined IN (0, 1)),
    sealed BLOB NOT NULL,
    PRIMARY KEY (account_id, place)
  ) STRICT;
  CREATE TABLE intents (
    account_id TEXT PRIMARY KEY,
    generation INTEGER NOT NULL,
    started_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE clients (id TEXT PRIMARY KEY, record TEXT NOT NULL, mac BLOB) STRICT, WITHOUT ROWID;
  CREATE TABLE grants (id TEXT PRIMARY KEY, record TEXT NOT NULL, mac BLOB) STRICT, WITHOUT ROWID;
  INSERT INTO vault (id, vault_id, key_id, tally, backup_due, salvage)
    VALUES (1, '60ca55e8c3dce49a87d15884', X'6d5d61a1cf978f0afddd8c973275ed13', unhex('01179cc113c4ba88d82a99e548486cbeb738f6f9af2c005204823a9b462e8d74142c57d6ea6cd11af7b380ec2efffb4b1488329ebe90ecf5
    7c834fff24', char(10) || ' '), 1, NULL);
  INSERT INTO key_slots (kind, wrapped)
    VALUES ('key-file', unhex('01fc2b4f17c22ef03f78ba49c0febbf01ab6bb74aeefbf19ea5e4fa12612d21c0c496d112b14ca7cfe6278ee8c43ecd70a1db4c290e60c5b
    2cb87412c3', char(10) || ' '));
  INSERT INTO accounts (id, record)
    VALUES ('a', '{"id":"a","provider":"generic-oidc","provider_name":"Example","label":"ada","issuer":"https://op.example","scope":"openid mail","renewable":true,"linked_at":1800000000,"standing":"connected"}');
  INSERT INTO accounts (id, record)
    VALUES ('b', '{"id":"b","provider":"generic-oidc","provider_name":"Example","label":"bob","issuer":"https://op.example","scope":"openid mail","renewable":true,"linked_at":1800000000,"standing":"connected"}');
  INSERT INTO generations (account_id, place, generation, quarantined, sealed)
    VALUES ('a', 1, 1, 0, unhex('0172bc1c87ce5e10ca082a37564c575cf34b3dcc369c11830d95ca58102a166752a3942ccde54cc2a0125dc2f712aa322d54383ec7c80968
    10e78e554c278e1729ff2dd16926e45459774052a530a05404a38347b149317b9622acf1361c9a6ffbd4ee5e3ef265e2e6f42dded4c60f0b
    b2d7fb606849ef6129e35e4bccdc4961e71cbe85b43c9eeb1d8c37a68b47c4095b41a48653b6bc002ff03902b950d532e3cdb150835588fe
    ae58ef4c353144663b112b6c11269fede7e75e7be80ce4ce3faa534d36a3f8c3cc24409f924246a6d6f6699b92b08da3183591024514700f
    367c15e9f0b1ea4a8c4cde8d8cb62129b5ddaaee6d4232ee76b9248cf77acd7f27b5040a12c91ca480f69a13f64eef2a123df1c2e02c89c0
    590e051ebfe561651f467f9cee96d30c146564ec1c69b211ff46e9c381fbd2468564ec1a4eabfe0141b2a34ff51318ac0deda103e816b6d8
    9c1075789fa68b780bd3273d4fb9b404e3fd003f6d255d7fa2d34ad37edc064e7d39cdeb4ee3507f9ba534236941adb3311fd84176427606
    466b799499729b6dc5e3d82b55eeee2ded4d201b028bda770c96ec4b871f436c6ec6e6d38cea0b77b761da4937e799a8556ee958af93c071
    273365e7e61694d1d6355f338324b6123753de2f330f21fadcdb70e7dc563663a010c7b218a3df64ed7bb71e0291d68021a560417cfc94ae
    c038de67b2fbe2131746840afe083eb9a7bc34627ef12fe155618405551f593ec61514e94af44c7ca824947427d99a1b7bb85c7ba9e5c017
    c0e080ee00058996c446a27f4d88a8a45c56c44d9d855e3097ef3e86df0b9a3b0ad5834b167ed62ebd354487b3dd62', char(10) || ' '));
  INSERT INTO generations (account_id, place, generation, quarantined, sealed)
    VALUES ('a', 0, 2, 0, unhex('01d58669e02ccdc1dad2fc8b48f1948737b0453168f65799f411c1e9c0a56f46aaa00557e94d3036836c8fde471abfd8f27cb0cd757979f0
    26c5f4a19868f4342d78f3c42147549e7f752b4ada0c20c2a786348fb4d90eee911f7a54422679a4f4e703ce43243c84ea64304c8c96a26c
    991011ddd787e5a59c126d3d53c61d27943f850566aa5a67b9c4def992052b76adb42d8881420dc7e1a6ca38d8dc0f85e840eddbba437c5f
    1fd3d0c2dbaf39f495d8da82062e3d9d1c96be8a2e4001ebbd5a62ff5720952ebfdc3247b1422bbf92df7179a8c10689cacdfc0b2fa20fd2
    7d5cdc4ba71aa7762af3574dad0aa630027b78108b2ae468aaf803331e339ffd29a33977065945e57acd0352b46f7e61f50113126471cb50
    d00aa669dc4236a797e4a156fe06032d07da804f4692242b49549f320602aad03414c98e3692ba7b26d5df3508fa0ccd1815ff198dff0369
    35ea1b6d4f11a9d89ad6083733707700b555726efcb36b693ba508f98aa71bb9bccc908d1f67df6cab9f876fb841ed1b8498b739b99c3675
    62f20ac7b1aa9180ee5d79c1470539065c9dad53ae4da4697eae3fcfaf0cddeea74dffb5fb9bc66c53e7385e51b43df8ed8899355e31734b
    db17209b7b779d900215bb03159c7a66755a6683133ea6387d973bf42293a82a3dcdaf4f06a1112ad0dbe7cca5695b23b675858cffd14b61
    d90c72894b842b475942a194f5ec8a9e6bafd44ca7fd592f39e018c9433fae00a4d37c438d1f60467ad9094ae09b52344ec77f90af17b076
    8045faffb18e2eae4f2c614531cb80d08b75fbb6891e5d41a6a27a200772d649b48d98be89f10a6201adf36b2811a6', char(10) || ' '));
  INSERT INTO generations (account_id, place, generation, quarantined, sealed)
    VALUES ('b', 1, 1, 0, unhex('015a89b2d5cf2c49e865dadbdb8d22c46be665cfd6f034b7de64611de4cbc295a81fd4555e88a2a2a753261a0936eb13395fc6d7c11a083b
    a75b583e5850d50e64039b135f38832481bed20595d71c07b7d30ae60e4b96fc7c0802a0abf7bb86566b895331ddda11aec294582189c3cd
    ff5e705335c0e3ebcd7e44d85bd6490b8372f4b90b43f34dfd3a36967f03bc0aa98966b1815da7ae8359c9f2ac1e2439f9dd12fbfb4c710e
    e15d254577fc8c71716a8fc0fd178196a243751656870eb7517257d1686c3ba0268fe68db34b48048d92fc87279f9d47733186a05894996c
    f6f638ff6447856c5b6819697655f66606b5b317fa042d171bc93eaaf07052542e9a1346bd874ac3e5b9d059901beb6fbf7222ee5a7df703
    9434c4a9b6200b71e7eda9176e98f93f8101f3aed2c0ac938e3e0e64a6bdb0a8dbed530d8811831b6bd04915ccab1cce52dbf07e169582fd
    a57d67a652c3333b0a1faf7788a74da1b2d2de2a1f18153ae91dbe1ebd9946602d9be18ba673d206104e7fefdf48f65c0962e8a4b8efb5f5
    ff6375b50d77f05a34de6acf30565bfc9202a2d9e6f8498d15529e3ac07d549072f8b0bdfd7c6f4cd940ba522a084ba9de1c85fb03a3f290
    05321c9a5e36fa1ae801015503784e4010292d9bc16ca2a7061bd0a468ef79c29ab7646cef5c7e11a824e62e5c7392449be3c6967cf575c1
    0155041479b9960f35324758304b7641b68758f6ea3d5ebb4b3dfa7db3f0efb5952743622d251ed5a9361403f3eea80b6ec0ec14b990336e
    3acfad7cd5340fbe86b426bc8c8232c0a8937fd2dd8c54b740b9154da1afc2b0e59aace2500b6b17732cfadcfabf0b', char(10) || ' '));
  INSERT INTO clients (id, record, mac)
    VALUES ('c', '{"id":"c","name":"tool","kind":"script","paired_at":1,"token_hash":"h"}', X'94a2e78acefa140d7c29616a1c0bd43a76cb62ce4fafa4fb0648ed196dc5d3ea');
`
