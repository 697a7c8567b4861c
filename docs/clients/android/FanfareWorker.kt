package com.example.fanfare

import android.content.Context
import androidx.core.app.NotificationManagerCompat
import androidx.work.BackoffPolicy
import androidx.work.Constraints
import androidx.work.CoroutineWorker
import androidx.work.ExistingPeriodicWorkPolicy
import androidx.work.ExistingWorkPolicy
import androidx.work.NetworkType
import androidx.work.OneTimeWorkRequestBuilder
import androidx.work.PeriodicWorkRequestBuilder
import androidx.work.WorkManager
import androidx.work.WorkerParameters
import androidx.work.workDataOf
import com.google.firebase.messaging.FirebaseMessaging
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.tasks.await
import kotlinx.coroutines.withContext
import java.io.IOException
import java.util.concurrent.TimeUnit

/** Makes the calls when there is a network, and again after a minute, two, four where that fails. */
class FanfareWorker(context: Context, given: WorkerParameters) : CoroutineWorker(context, given) {

    override suspend fun doWork(): Result = withContext(Dispatchers.IO) {
        val fanfare = Fanfare(SecretStore(applicationContext))
        try {
            when (inputData.getString(WHAT)) {
                ALLOW -> fanfare.allow(address())
                MOVED -> fanfare.moved(address())
                WITHDRAW -> fanfare.withdraw().also { messaging.deleteToken().await() }
                LEAVE -> fanfare.leave().also { messaging.deleteToken().await() }
                else -> refreshed(fanfare)
            }
            Result.success()
        } catch (away: IOException) {
            Result.retry()
        } catch (refusal: Refused) {
            Result.failure(workDataOf("code" to refusal.code))
        }
    }

    /** A person can also say no in the phone's settings. */
    private suspend fun refreshed(fanfare: Fanfare) {
        val kept = SecretStore(applicationContext).read()
        val allowed = NotificationManagerCompat.from(applicationContext).areNotificationsEnabled()
        when {
            !kept.registered -> return
            kept.untold || (!kept.withdrawn && !allowed) -> fanfare.withdraw()
            !kept.withdrawn -> fanfare.refresh(address())
        }
    }

    private val messaging get() = FirebaseMessaging.getInstance()

    private suspend fun address(): String = messaging.token.await()

    companion object {
        const val ALLOW = "allow"
        const val MOVED = "moved"
        const val WITHDRAW = "withdraw"
        const val LEAVE = "leave"
        private const val WHAT = "what"
        private const val REFRESH = "refresh"
        private val online = Constraints.Builder()
            .setRequiredNetworkType(NetworkType.CONNECTED)
            .build()

        /** One call after the other, in the order in which they were wanted. */
        fun ask(context: Context, what: String) {
            val work = OneTimeWorkRequestBuilder<FanfareWorker>()
                .setInputData(workDataOf(WHAT to what))
                .setConstraints(online)
                .setBackoffCriteria(BackoffPolicy.EXPONENTIAL, 1, TimeUnit.MINUTES)
                .build()
            WorkManager.getInstance(context)
                .enqueueUniqueWork("fanfare", ExistingWorkPolicy.APPEND_OR_REPLACE, work)
        }

        /** At every start, and weekly while the app is not opened. */
        fun refresh(context: Context) {
            ask(context, REFRESH)
            val weekly = PeriodicWorkRequestBuilder<FanfareWorker>(7, TimeUnit.DAYS)
                .setConstraints(online)
                .build()
            WorkManager.getInstance(context)
                .enqueueUniquePeriodicWork("fanfare-weekly", ExistingPeriodicWorkPolicy.KEEP, weekly)
        }
    }
}
