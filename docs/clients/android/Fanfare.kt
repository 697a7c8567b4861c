package com.example.fanfare

import android.net.Uri
import org.json.JSONArray
import org.json.JSONException
import org.json.JSONObject
import java.io.IOException
import java.net.HttpURLConnection
import java.net.URL
import java.util.Locale
import java.util.TimeZone

/** What the server refused for good. `code` is stable, the message is for people. */
class Refused(val status: Int, val code: String, detail: String) : Exception(detail) {
    /** The server does not know this hwid with this secret. */
    val isUnknown get() = code == "unauthenticated" || code == "notFound"
}

/** What may go better later: no network, 429 or 5xx. WorkManager tries again. */
class Away(why: String) : IOException(why)

/** The calls of one phone at device-api. They block: call them from a worker, never from the UI. */
class Fanfare(private val store: SecretStore, private val appCheckToken: () -> String = { "" }) {

    /** At every start, and weekly: the address may be new, and the server wants to hear of us. */
    fun refresh(address: String) {
        val kept = store.read()
        if (kept.registered && !kept.withdrawn) register(address)
    }

    /** The push service changed the address. */
    fun moved(address: String) {
        val kept = store.read()
        if (!kept.registered || kept.withdrawn || kept.address == address) return
        try {
            send("POST", own(kept, "/token"), addressOf(address), kept.secret)
            store.write(kept.copy(address = address))
        } catch (refusal: Refused) {
            if (!refusal.isUnknown) throw refusal
            register(address)
        }
    }

    /** A person said yes: register, and where they had said no before, take that back. */
    fun allow(address: String) {
        val withdrawn = store.read().withdrawn
        register(address)
        if (!withdrawn) return
        val kept = store.read()
        send("POST", own(kept, "/consent"), JSONObject().put("consent", true), kept.secret)
        send("POST", own(kept, "/token"), addressOf(address), kept.secret)
        store.write(kept.copy(withdrawn = false))
    }

    /**
     * A person said no: nothing is sent any more, and the server forgets the address. It holds at
     * once; what the server could not be told now, it is told at the next refresh.
     */
    fun withdraw() {
        val kept = store.read().copy(withdrawn = true, address = "")
        store.write(kept.copy(untold = kept.registered))
        tellIfKnown("POST", own(kept, "/consent"), JSONObject().put("consent", false), kept)
        store.write(kept.copy(untold = false))
    }

    /** Be forgotten, here and there. */
    fun leave() {
        val kept = store.read()
        tellIfKnown("DELETE", own(kept, ""), null, kept)
        store.clear()
    }

    /**
     * Register, or refresh what is known. The secret is ours, so a registration whose answer was
     * lost is simply repeated. An hwid that is refused with its secret and without was given to
     * another device: this phone begins anew.
     */
    private fun register(address: String) {
        val kept = store.read()
        if (kept.registered && registered(kept, address, kept.secret)) return
        if (registered(kept, address, null)) return
        registered(store.begin(), address, null)
    }

    private fun registered(kept: Kept, address: String, credential: String?): Boolean {
        val body = JSONObject()
            .put("hwid", kept.hwid)
            .put("platform", "android")
            .put("domains", JSONArray(DOMAINS))
            .put("locale", Locale.getDefault().toLanguageTag())
            .put("timeZone", TimeZone.getDefault().id)
            .put("appVersion", BuildConfig.VERSION_NAME)
            .put("pushAddress", addressOf(address))
            .put("deviceSecret", kept.secret)
        try {
            send("POST", "/v1/devices", body, credential)
        } catch (refusal: Refused) {
            if (!refusal.isUnknown) throw refusal
            return false
        }
        store.write(kept.copy(registered = true, address = address))
        return true
    }

    private fun addressOf(value: String) = JSONObject().put("kind", "fcm").put("value", value)

    private fun own(kept: Kept, path: String) = "/v1/devices/${Uri.encode(kept.hwid)}$path"

    private fun tellIfKnown(method: String, path: String, body: JSONObject?, kept: Kept) {
        if (!kept.registered) return
        try {
            send(method, path, body, kept.secret)
        } catch (refusal: Refused) {
            if (!refusal.isUnknown) throw refusal
        }
    }

    private fun send(method: String, path: String, body: JSONObject?, credential: String?) {
        val call = URL("$GATEWAY/device-api$path").openConnection() as HttpURLConnection
        try {
            call.requestMethod = method
            call.connectTimeout = 30_000
            call.readTimeout = 30_000
            credential?.let { call.setRequestProperty("Authorization", "Bearer $it") }
            appCheckToken().takeIf(String::isNotEmpty)
                ?.let { call.setRequestProperty("X-Firebase-AppCheck", it) }
            if (body != null) {
                call.doOutput = true
                call.setRequestProperty("Content-Type", "application/json")
                call.outputStream.use { it.write(body.toString().toByteArray()) }
            }
            val status = call.responseCode
            if (status in 200..299) return
            if (status == 429 || status >= 500) throw Away("the server answered $status")
            throw refusal(status, call.errorStream?.use { it.readBytes().decodeToString() } ?: "")
        } catch (failure: IOException) {
            throw failure as? Away ?: Away("no answer: ${failure.message}")
        } finally {
            call.disconnect()
        }
    }

    private fun refusal(status: Int, said: String): Refused {
        val problem = try {
            JSONObject(said)
        } catch (other: JSONException) {
            JSONObject()
        }
        return Refused(status, problem.optString("code"), problem.optString("detail"))
    }

    companion object {
        /** Address before /device-api, and what this app's people are notified of. */
        const val GATEWAY = "https://REGION-PROJECT.cloudfunctions.net"
        val DOMAINS = listOf("news.aurora.example")
    }
}
