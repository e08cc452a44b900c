#pragma once
// The same for the broker and what stands on it.

#include "base.h"
#include "broker/broker.h"
