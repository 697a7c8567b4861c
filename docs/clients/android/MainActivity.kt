package com.example.fanfare

import android.Manifest
import android.content.ActivityNotFoundException
import android.content.Intent
import android.net.Uri
import android.os.Build
import android.os.Bundle
import android.widget.Button
import android.widget.LinearLayout
import androidx.activity.ComponentActivity
import androidx.activity.result.contract.ActivityResultContracts

/** Asks for consent when a person presses the button, and opens the link of what they tapped. */
class MainActivity : ComponentActivity() {

    private val permission =
        registerForActivityResult(ActivityResultContracts.RequestPermission()) { given ->
            if (given) FanfareWorker.ask(this, FanfareWorker.ALLOW)
        }

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        PushService.createChannel(this)
        FanfareWorker.refresh(this)
        setContentView(
            LinearLayout(this).apply {
                orientation = LinearLayout.VERTICAL
                addView(button("Notify me") { allow() })
                addView(button("Notify me no more") { ask(FanfareWorker.WITHDRAW) })
                addView(button("Forget this phone") { ask(FanfareWorker.LEAVE) })
            },
        )
        if (state == null) opened(intent)
    }

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        opened(intent)
    }

    private fun allow() {
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) {
            permission.launch(Manifest.permission.POST_NOTIFICATIONS)
        } else {
            ask(FanfareWorker.ALLOW)
        }
    }

    private fun ask(what: String) = FanfareWorker.ask(this, what)

    /**
     * Opens what was tapped. Other apps can start this activity, too: only pages and the schemes
     * that the app knows are opened, and only by a person's tap.
     */
    private fun opened(intent: Intent) {
        if (intent.getStringExtra("notificationId") == null) return
        val url = Uri.parse(intent.getStringExtra("url") ?: return)
        if (url.scheme !in SCHEMES) return
        try {
            startActivity(Intent(Intent.ACTION_VIEW, url).addCategory(Intent.CATEGORY_BROWSABLE))
        } catch (nobody: ActivityNotFoundException) {
            return // nothing on this phone opens it
        }
    }

    private fun button(label: String, press: () -> Unit) =
        Button(this).apply {
            text = label
            setOnClickListener { press() }
        }

    private companion object {
        val SCHEMES = setOf("https", "aurora")
    }
}
