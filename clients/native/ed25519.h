/*
 * Whether an Ed25519 signature is good (RFC 8032 section 5.1.7), with SHA-512 (FIPS 180-4) for it. The rule: nothing in
 * here is secret (key, message and signature are all public), so it is written to be read, and it checks what OpenSSL
 * checks: the key is a point and not one of the eight that fit anything, and the scalar is below the group's order. The
 * arithmetic (sixteen limbs of sixteen bits, one complete addition for everything) is in the manner of TweetNaCl, which
 * is in the public domain (https://tweetnacl.cr.yp.to; Bernstein, van Gastel, Janssen, Lange, Schwabe, Smetsers).
 */
#ifndef VALETKEY_ED25519_H
#define VALETKEY_ED25519_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static const uint64_t sha512_constants[80] = {
  0x428a2f98d728ae22U, 0x7137449123ef65cdU, 0xb5c0fbcfec4d3b2fU, 0xe9b5dba58189dbbcU, 0x3956c25bf348b538U,
  0x59f111f1b605d019U, 0x923f82a4af194f9bU, 0xab1c5ed5da6d8118U, 0xd807aa98a3030242U, 0x12835b0145706fbeU,
  0x243185be4ee4b28cU, 0x550c7dc3d5ffb4e2U, 0x72be5d74f27b896fU, 0x80deb1fe3b1696b1U, 0x9bdc06a725c71235U,
  0xc19bf174cf692694U, 0xe49b69c19ef14ad2U, 0xefbe4786384f25e3U, 0x0fc19dc68b8cd5b5U, 0x240ca1cc77ac9c65U,
  0x2de92c6f592b0275U, 0x4a7484aa6ea6e483U, 0x5cb0a9dcbd41fbd4U, 0x76f988da831153b5U, 0x983e5152ee66dfabU,
  0xa831c66d2db43210U, 0xb00327c898fb213fU, 0xbf597fc7beef0ee4U, 0xc6e00bf33da88fc2U, 0xd5a79147930aa725U,
  0x06ca6351e003826fU, 0x142929670a0e6e70U, 0x27b70a8546d22ffcU, 0x2e1b21385c26c926U, 0x4d2c6dfc5ac42aedU,
  0x53380d139d95b3dfU, 0x650a73548baf63deU, 0x766a0abb3c77b2a8U, 0x81c2c92e47edaee6U, 0x92722c851482353bU,
  0xa2bfe8a14cf10364U, 0xa81a664bbc423001U, 0xc24b8b70d0f89791U, 0xc76c51a30654be30U, 0xd192e819d6ef5218U,
  0xd69906245565a910U, 0xf40e35855771202aU, 0x106aa07032bbd1b8U, 0x19a4c116b8d2d0c8U, 0x1e376c085141ab53U,
  0x2748774cdf8eeb99U, 0x34b0bcb5e19b48a8U, 0x391c0cb3c5c95a63U, 0x4ed8aa4ae3418acbU, 0x5b9cca4f7763e373U,
  0x682e6ff3d6b2b8a3U, 0x748f82ee5defb2fcU, 0x78a5636f43172f60U, 0x84c87814a1f0ab72U, 0x8cc702081a6439ecU,
  0x90befffa23631e28U, 0xa4506cebde82bde9U, 0xbef9a3f7b2c67915U, 0xc67178f2e372532bU, 0xca273eceea26619cU,
  0xd186b8c721c0c207U, 0xeada7dd6cde0eb1eU, 0xf57d4f7fee6ed178U, 0x06f067aa72176fbaU, 0x0a637dc5a2c898a6U,
  0x113f9804bef90daeU, 0x1b710b35131c471bU, 0x28db77f523047d84U, 0x32caab7b40c72493U, 0x3c9ebe0a15c9bebcU,
  0x431d67c49c100d4cU, 0x4cc5d4becb3e42b6U, 0x597f299cfc657e2aU, 0x5fcb6fab3ad6faecU, 0x6c44198c4a475817U,};

static uint64_t sha512_rotate(uint64_t word, int bits) {
  return (word >> bits) | (word << (64 - bits));
}

/* One block of 128 bytes into the state. */
static void sha512_block(uint64_t state[8], const uint8_t block[128]) {
  uint64_t w[80], v[8];
  for (int i = 0; i < 16; i++) {
    w[i] = 0;
    for (int k = 0; k < 8; k++) w[i] = w[i] << 8 | block[8 * i + k];
  }
  for (int i = 16; i < 80; i++) {
    uint64_t a = w[i - 15], b = w[i - 2];
    w[i] = w[i - 16] + w[i - 7] + (sha512_rotate(a, 1) ^ sha512_rotate(a, 8) ^ (a >> 7)) +
           (sha512_rotate(b, 19) ^ sha512_rotate(b, 61) ^ (b >> 6));
  }
  memcpy(v, state, sizeof v);
  for (int i = 0; i < 80; i++) {
    uint64_t a = v[0], e = v[4];
    uint64_t one = v[7] + (sha512_rotate(e, 14) ^ sha512_rotate(e, 18) ^ sha512_rotate(e, 41)) +
                   ((e & v[5]) ^ (~e & v[6])) + sha512_constants[i] + w[i];
    uint64_t two = (sha512_rotate(a, 28) ^ sha512_rotate(a, 34) ^ sha512_rotate(a, 39)) +
                   ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
    memmove(v + 1, v, 7 * sizeof v[0]);
    v[4] += one;
    v[0] = one + two;
  }
  for (int i = 0; i < 8; i++) state[i] += v[i];
}

/* Of `count` parts, one after the other. */
static void sha512(uint8_t digest[64], const uint8_t *const parts[], const size_t lengths[], int count) {
  uint64_t state[8] = {
    0x6a09e667f3bcc908U, 0xbb67ae8584caa73bU, 0x3c6ef372fe94f82bU, 0xa54ff53a5f1d36f1U,
    0x510e527fade682d1U, 0x9b05688c2b3e6c1fU, 0x1f83d9abfb41bd6bU, 0x5be0cd19137e2179U,
  };
  uint8_t block[128];
  size_t used = 0;
  uint64_t total = 0;
  for (int part = 0; part < count; part++)
    for (size_t i = 0; i < lengths[part]; i++) {
      block[used++] = parts[part][i];
      total++;
      if (used == sizeof block) sha512_block(state, block), used = 0;
    }
  block[used++] = 0x80;
  if (used > 112) {
    memset(block + used, 0, sizeof block - used);
    sha512_block(state, block);
    used = 0;
  }
  memset(block + used, 0, sizeof block - used);
  for (int i = 0; i < 8; i++) block[127 - i] = (uint8_t)(total * 8 >> (8 * i));
  sha512_block(state, block);
  for (int i = 0; i < 64; i++) digest[i] = (uint8_t)(state[i / 8] >> (56 - 8 * (i % 8)));
}

/* An element of the field of 2^255 - 19, in base 2^16; limbs may be out of range between two multiplications. */
typedef int64_t field[16];
/* A point in extended coordinates: x = X/Z, y = Y/Z, x * y = T/Z. */
typedef field point[4];

static const field field_zero = {0}, field_one = {1};
/* Of the curve -x^2 + y^2 = 1 + d x^2 y^2: d, 2 d, the base point, and the square root of -1. */
static const field curve_d = {0x78a3, 0x1359, 0x4dca, 0x75eb, 0xd8ab, 0x4141, 0x0a4d, 0x0070,
                              0xe898, 0x7779, 0x4079, 0x8cc7, 0xfe73, 0x2b6f, 0x6cee, 0x5203};
static const field curve_2d = {0xf159, 0x26b2, 0x9b94, 0xebd6, 0xb156, 0x8283, 0x149a, 0x00e0,
                               0xd130, 0xeef3, 0x80f2, 0x198e, 0xfce7, 0x56df, 0xd9dc, 0x2406};
static const field base_x = {0xd51a, 0x8f25, 0x2d60, 0xc956, 0xa7b2, 0x9525, 0xc760, 0x692c,
                             0xdc5c, 0xfdd6, 0xe231, 0xc0a4, 0x53fe, 0xcd6e, 0x36d3, 0x2169};
static const field base_y = {0x6658, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666,
                             0x6666, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666};
static const field root_of_minus_one = {0xa0b0, 0x4a0e, 0x1b27, 0xc4ee, 0xe478, 0xad2f, 0x1806, 0x2f43,
                                        0xd7a7, 0x3dfb, 0x0099, 0x2b4d, 0xdf0b, 0x4fc1, 0x2480, 0x2b83};

static void field_set(field to, const field from) {
  memmove(to, from, sizeof(field));
}

/* Brings every limb into sixteen bits, save the last, which takes what is left over twice. */
static void field_carry(field a) {
  for (int i = 0; i < 16; i++) {
    int64_t carry = a[i] >> 16;
    a[i] -= carry * 65536;
    /* 2^256 is 38. */
    if (i < 15) a[i + 1] += carry;
    else a[0] += 38 * carry;
  }
}

static void field_add(field out, const field a, const field b) {
  for (int i = 0; i < 16; i++) out[i] = a[i] + b[i];
}

static void field_subtract(field out, const field a, const field b) {
  for (int i = 0; i < 16; i++) out[i] = a[i] - b[i];
}

static void field_multiply(field out, const field a, const field b) {
  int64_t product[31] = {0};
  for (int i = 0; i < 16; i++)
    for (int k = 0; k < 16; k++) product[i + k] += a[i] * b[k];
  for (int i = 0; i < 15; i++) product[i] += 38 * product[i + 16];
  memcpy(out, product, sizeof(field));
  field_carry(out);
  field_carry(out);
}

/* a to the power of `bits` binary ones, of which those in the two places `zeros` are zeros. */
static void field_power(field out, const field a, int bits, const int zeros[2]) {
  field result;
  field_set(result, a);
  for (int bit = bits - 2; bit >= 0; bit--) {
    field_multiply(result, result, result);
    if (bit != zeros[0] && bit != zeros[1]) field_multiply(result, result, a);
  }
  field_set(out, result);
}

/* The one form below 2^255 - 19, little-endian. */
static void field_pack(uint8_t out[32], const field a) {
  field whole, less;
  field_set(whole, a);
  for (int i = 0; i < 3; i++) field_carry(whole);
  for (int times = 0; times < 2; times++) {
    /* Less the prime, if that leaves something. */
    less[0] = whole[0] - 0xffed;
    for (int i = 1; i < 16; i++) {
      less[i] = whole[i] - (i < 15 ? 0xffff : 0x7fff) - ((less[i - 1] >> 16) & 1);
      less[i - 1] &= 0xffff;
    }
    if (less[15] < 0) break;
    field_set(whole, less);
  }
  for (int i = 0; i < 32; i++) out[i] = (uint8_t)(whole[i / 2] >> (8 * (i % 2)));
}

static void field_unpack(field out, const uint8_t in[32]) {
  for (int i = 0; i < 16; i++) out[i] = in[2 * i] + 256 * (int64_t)in[2 * i + 1];
  out[15] &= 0x7fff;
}

static bool field_equal(const field a, const field b) {
  uint8_t one[32], other[32];
  field_pack(one, a);
  field_pack(other, b);
  return memcmp(one, other, sizeof one) == 0;
}

/* p += q; complete, so it also doubles (RFC 8032 section 5.1.4). */
static void point_add(point p, point q) {
  field a, b, c, d, t;
  field_subtract(a, p[1], p[0]);
  field_subtract(t, q[1], q[0]);
  field_multiply(a, a, t);
  field_add(b, p[0], p[1]);
  field_add(t, q[0], q[1]);
  field_multiply(b, b, t);
  field_multiply(c, p[3], q[3]);
  field_multiply(c, c, curve_2d);
  field_multiply(d, p[2], q[2]);
  field_add(d, d, d);
  field e, f, g, h;
  field_subtract(e, b, a);
  field_subtract(f, d, c);
  field_add(g, d, c);
  field_add(h, b, a);
  field_multiply(p[0], e, f);
  field_multiply(p[1], h, g);
  field_multiply(p[2], g, f);
  field_multiply(p[3], e, h);
}

/* p += scalar * q. */
static void point_add_multiple(point p, point q, const uint8_t scalar[32]) {
  point sum, twice;
  field_set(sum[0], field_zero);
  field_set(sum[1], field_one);
  field_set(sum[2], field_one);
  field_set(sum[3], field_zero);
  for (int bit = 255; bit >= 0; bit--) {
    memcpy(twice, sum, sizeof twice);
    point_add(sum, twice);
    if (scalar[bit / 8] >> (bit % 8) & 1) point_add(sum, q);
  }
  point_add(p, sum);
}

/* The negative of the point that `in` stands for; `false` when it stands for none (RFC 8032 section 5.1.3). */
static bool point_unpack_negative(point out, const uint8_t in[32]) {
  field above, below, below3, candidate, check;
  field_set(out[2], field_one);
  field_unpack(out[1], in);
  /* y must be in its one form. */
  uint8_t form[32];
  field_pack(form, out[1]);
  if (memcmp(form, in, 31) != 0 || form[31] != (in[31] & 0x7f)) return false;
  field_multiply(above, out[1], out[1]);
  field_multiply(below, above, curve_d);
  field_subtract(above, above, field_one);
  field_add(below, field_one, below);
  /* x = u v^3 (u v^7)^((p - 5) / 8), or that times the root of -1. */
  field_multiply(below3, below, below);
  field_multiply(below3, below3, below);
  field_multiply(candidate, below3, below3);
  field_multiply(candidate, candidate, below);
  field_multiply(candidate, candidate, above);
  /* (p - 5) / 8 is 2^252 - 3. */
  field_power(candidate, candidate, 252, (const int[2]){1, 1});
  field_multiply(candidate, candidate, below3);
  field_multiply(out[0], candidate, above);
  field_multiply(check, out[0], out[0]);
  field_multiply(check, check, below);
  if (!field_equal(check, above)) field_multiply(out[0], out[0], root_of_minus_one);
  field_multiply(check, out[0], out[0]);
  field_multiply(check, check, below);
  if (!field_equal(check, above)) return false;
  field_pack(form, out[0]);
  if (in[31] >> 7 && field_equal(out[0], field_zero)) return false;
  if ((form[0] & 1) == in[31] >> 7) field_subtract(out[0], field_zero, out[0]);
  field_multiply(out[3], out[0], out[1]);
  return true;
}

/* Whether eight times the point is nothing: such a key fits signatures that nobody made. */
static bool is_of_small_order(point p) {
  point sum, twice;
  memcpy(sum, p, sizeof sum);
  for (int i = 0; i < 3; i++) {
    memcpy(twice, sum, sizeof twice);
    point_add(sum, twice);
  }
  return field_equal(sum[0], field_zero);
}

/* The group's order, 2^252 + 27742317777372353535851937790883648493, little-endian. */
static const uint8_t group_order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                        0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                        0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};

static bool is_below_order(const uint8_t scalar[32]) {
  for (int i = 31; i >= 0; i--)
    if (scalar[i] != group_order[i]) return scalar[i] < group_order[i];
  return false;
}

/* 64 bytes modulo the group's order: bit by bit, doubled and brought down. */
static void reduce(uint8_t out[32], const uint8_t in[64]) {
  memset(out, 0, 32);
  for (int bit = 511; bit >= 0; bit--) {
    int carry = in[bit / 8] >> (bit % 8) & 1;
    for (int i = 0; i < 32; i++) {
      carry += 2 * out[i];
      out[i] = (uint8_t)carry;
      carry >>= 8;
    }
    if (is_below_order(out)) continue;
    for (int i = 0, borrow = 0; i < 32; i++) {
      int less = out[i] - group_order[i] - borrow;
      borrow = less < 0;
      out[i] = (uint8_t)less;
    }
  }
}

/* Whether `signature` is the one of `message` by the holder of `key`. */
static bool ed25519_verify(const uint8_t signature[64], const void *message, size_t length, const uint8_t key[32]) {
  point sum, negative_key, base;
  uint8_t digest[64], scalar[32], packed[32], x[32];
  if (!is_below_order(signature + 32) || !point_unpack_negative(negative_key, key) ||
      is_of_small_order(negative_key))
    return false;
  sha512(digest, (const uint8_t *const[]){signature, key, message}, (const size_t[]){32, 32, length}, 3);
  reduce(scalar, digest);
  field_set(base[0], base_x);
  field_set(base[1], base_y);
  field_set(base[2], field_one);
  field_multiply(base[3], base_x, base_y);
  field_set(sum[0], field_zero);
  field_set(sum[1], field_one);
  field_set(sum[2], field_one);
  field_set(sum[3], field_zero);
  point_add_multiple(sum, negative_key, scalar);
  point_add_multiple(sum, base, signature + 32);
  /* As a point is written: y, and the sign of x; 1/Z is Z^(p - 2), and p - 2 is 2^255 - 21. */
  field inverse;
  field_power(inverse, sum[2], 255, (const int[2]){2, 4});
  field_multiply(sum[0], sum[0], inverse);
  field_multiply(sum[1], sum[1], inverse);
  field_pack(packed, sum[1]);
  field_pack(x, sum[0]);
  packed[31] |= (uint8_t)(x[0] << 7);
  return memcmp(packed, signature, sizeof packed) == 0;
}

#endif
