package com.example.fanfare

import android.Manifest
import android.app.NotificationChannel
import android.app.NotificationManager
import android.app.PendingIntent
import android.content.Context
import android.content.Intent
import android.content.pm.PackageManager
import android.graphics.BitmapFactory
import android.os.Build
import androidx.core.app.NotificationCompat
import androidx.core.app.NotificationManagerCompat
import androidx.core.content.ContextCompat
import com.google.firebase.messaging.FirebaseMessagingService
import com.google.firebase.messaging.RemoteMessage
import java.io.IOException
import java.net.URL

/**
 * New addresses, and what arrives while the app is open. In the background FCM itself shows title,
 * text and image, and a tap brings `data` to MainActivity as extras of its intent.
 */
class PushService : FirebaseMessagingService() {

    override fun onNewToken(token: String) = FanfareWorker.ask(this, FanfareWorker.MOVED)

    override fun onMessageReceived(message: RemoteMessage) {
        val notification = message.notification ?: return
        val allowed = Build.VERSION.SDK_INT < Build.VERSION_CODES.TIRAMISU ||
            ContextCompat.checkSelfPermission(this, Manifest.permission.POST_NOTIFICATIONS) ==
            PackageManager.PERMISSION_GRANTED
        if (!allowed) return
        val id = message.data["notificationId"]
        val shown = NotificationCompat.Builder(this, CHANNEL)
            .setSmallIcon(android.R.drawable.ic_dialog_info)
            .setContentTitle(notification.title)
            .setContentText(notification.body)
            .setStyle(NotificationCompat.BigTextStyle().bigText(notification.body))
            .setAutoCancel(true)
            .setOngoing(message.data["forceTimer"] != null) // stays until it is tapped
            .setPriority(NotificationCompat.PRIORITY_HIGH)
            .setContentIntent(opening(message.data))
        picture(notification.imageUrl?.toString())?.let {
            shown.setStyle(NotificationCompat.BigPictureStyle().bigPicture(it))
        }
        if (message.data["url"] != null) {
            shown.addAction(0, message.data["urlButtonName"] ?: "Open", opening(message.data))
        }
        // The tag is the one FCM shows it under: the same notification, pushed twice, is shown once.
        NotificationManagerCompat.from(this).notify(id, 0, shown.build())
    }

    /** The same intent as a tap in the background gives: `data` as extras. */
    private fun opening(data: Map<String, String>): PendingIntent {
        val intent = Intent(this, MainActivity::class.java)
        data.forEach { (name, value) -> intent.putExtra(name, value) }
        val flags = PendingIntent.FLAG_IMMUTABLE or PendingIntent.FLAG_UPDATE_CURRENT
        return PendingIntent.getActivity(this, data["notificationId"].hashCode(), intent, flags)
    }

    private fun picture(url: String?) = try {
        url?.let { address ->
            val call = URL(address).openConnection().apply {
                connectTimeout = 5_000
                readTimeout = 5_000
            }
            call.getInputStream().use(BitmapFactory::decodeStream)
        }
    } catch (missing: IOException) {
        null
    }

    companion object {
        const val CHANNEL = "fanfare"

        fun createChannel(context: Context) {
            val high = NotificationManager.IMPORTANCE_HIGH
            val channel = NotificationChannel(CHANNEL, "Notifications", high)
            context.getSystemService(NotificationManager::class.java)
                .createNotificationChannel(channel)
        }
    }
}
