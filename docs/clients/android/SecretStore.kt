package com.example.fanfare

import android.content.Context
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import android.util.Base64
import java.security.GeneralSecurityException
import java.security.KeyStore
import java.security.SecureRandom
import java.util.UUID
import javax.crypto.Cipher
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec

/** What the app knows of itself at Fanfare. `untold`: a no that the server has not heard yet. */
data class Kept(
    val hwid: String,
    val secret: String,
    val registered: Boolean = false,
    val address: String = "",
    val withdrawn: Boolean = false,
    val untold: Boolean = false,
)

/** Keeps it in preferences, the secret encrypted with a key that never leaves the keystore. */
class SecretStore(context: Context) {
    private val preferences = context.getSharedPreferences("fanfare", Context.MODE_PRIVATE)

    /** Returns what is kept, or begins as a new device: also where the key is lost. */
    @Synchronized
    fun read(): Kept {
        val hwid = preferences.getString("hwid", null)
        val secret = preferences.getString("secret", null)?.let(::decrypted)
        if (hwid == null || secret == null) return begin()
        return Kept(
            hwid,
            secret,
            preferences.getBoolean("registered", false),
            preferences.getString("address", "") ?: "",
            preferences.getBoolean("withdrawn", false),
            preferences.getBoolean("untold", false),
        )
    }

    @Synchronized
    fun write(kept: Kept) {
        preferences.edit()
            .putString("hwid", kept.hwid)
            .putString("secret", encrypted(kept.secret))
            .putBoolean("registered", kept.registered)
            .putString("address", kept.address)
            .putBoolean("withdrawn", kept.withdrawn)
            .putBoolean("untold", kept.untold)
            .commit()
    }

    @Synchronized
    fun clear() {
        preferences.edit().clear().commit()
    }

    /** Makes up an hwid and a secret of 44 visible ASCII characters. */
    @Synchronized
    fun begin(): Kept {
        val bytes = ByteArray(33).also(SecureRandom()::nextBytes)
        val secret = Base64.encodeToString(bytes, Base64.NO_WRAP)
        return Kept("android-${UUID.randomUUID()}", secret).also(::write)
    }

    private fun encrypted(text: String): String {
        val cipher = Cipher.getInstance(CIPHER).apply { init(Cipher.ENCRYPT_MODE, key()) }
        val bytes = cipher.iv + cipher.doFinal(text.toByteArray())
        return Base64.encodeToString(bytes, Base64.NO_WRAP)
    }

    private fun decrypted(text: String): String? = try {
        val bytes = Base64.decode(text, Base64.NO_WRAP)
        val nonce = GCMParameterSpec(128, bytes, 0, NONCE_BYTES)
        val cipher = Cipher.getInstance(CIPHER).apply { init(Cipher.DECRYPT_MODE, key(), nonce) }
        String(cipher.doFinal(bytes, NONCE_BYTES, bytes.size - NONCE_BYTES))
    } catch (lost: GeneralSecurityException) {
        null
    }

    private fun key(): SecretKey {
        val store = KeyStore.getInstance(KEYSTORE).apply { load(null) }
        (store.getKey(ALIAS, null) as? SecretKey)?.let { return it }
        val purposes = KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT
        val wish = KeyGenParameterSpec.Builder(ALIAS, purposes)
            .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
            .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
            .build()
        val generator = KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, KEYSTORE)
        return generator.apply { init(wish) }.generateKey()
    }

    private companion object {
        const val ALIAS = "fanfare"
        const val CIPHER = "AES/GCM/NoPadding"
        const val KEYSTORE = "AndroidKeyStore"
        const val NONCE_BYTES = 12
    }
}
