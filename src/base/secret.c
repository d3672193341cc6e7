#include "base/secret.h"

#define BY_OTHERS (S_IRWXG | S_IRWXO)

bool secret_is_exposed(const struct stat *status, uid_t user)
{
    bool handed = status->st_uid == 0 && user != 0 && (status->st_mode & BY_OTHERS) == S_IRGRP;
    return (status->st_mode & BY_OTHERS) && !handed;
}
