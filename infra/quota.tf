# How many instances there may be, and how much the queues hand out at a time.
#
# Every instance is one vCPU. Cloud Run refuses a function that asks for more of them than the
# region's quota, and starts none beyond it, whatever all functions together were promised. A new
# project has 20 vCPU and 40 GiB, so that is what is asked for until `most_instances` is raised.

locals {
  few         = { for name in keys(local.doors) : name => lookup(local.more_of_few, name, 1) }
  more_of_few = { provider-api = 2, device-api = 2, send-batch = 3 }
  few_in_all  = sum(values(local.few))
  most_in_all = sum([for door in values(local.doors) : door.most])

  # From a few of each to the most that each can use, all of them at the same pace.
  raised    = min(1, (var.most_instances - local.few_in_all) / (local.most_in_all - local.few_in_all))
  instances = { for name, door in local.doors : name => local.few[name] + floor((door.most - local.few[name]) * local.raised) }

  # A queue hands out no more than finds an instance: Cloud Run would answer 429 to the rest.
  places        = { for name, door in local.doors : name => local.instances[name] * door.concurrency }
  usual_at_once = { urgent = 40, normal = 60, bulk = 60 }
  room          = min(1, local.places["send-batch"] / sum(values(local.usual_at_once)))
  at_once = merge(
    { for name, usual in local.usual_at_once : name => max(1, floor(usual * local.room)) },
    { plan = min(40, local.places["plan-fanout"]), export = min(4, local.places["export-events"]) },
  )
}
