# SPDX-License-Identifier: MIT
#
# Completion of fini for bash.
_fini()
{
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} options
    if [ "$COMP_CWORD" = 1 ]; then
        COMPREPLY=($(compgen -W "check pin run trace why --help --version" -- "$word"))
        return
    fi
    [ "$before" != = ] || before=${COMP_WORDS[COMP_CWORD-2]}
    case $before in
    --format | -f)
        options="text json"
        [ "${COMP_WORDS[1]}" != trace ] || options="$options trace-event"
        COMPREPLY=($(compgen -W "$options" -- "${word#=}"))
        return
        ;;
    --color | -c) COMPREPLY=($(compgen -W "auto always never" -- "${word#=}")); return ;;
    esac
    case ${COMP_WORDS[1]} in
    check) options="--probe --timeout= --format= --color= --quiet --null --help" ;;
    pin) options="--unpin --output= --try --quiet --help" ;;
    run) options="--leak-at-exit --keep --help" ;;
    trace) options="--format= --output= --quiet --findings-status= --color= --help" ;;
    why) options="--no-stop --format= --color= --verbose --quiet --help" ;;
    esac
    # The program's name, and then what it takes.
    case ${COMP_WORDS[1]}:$word:$before in
    run:-*:* | trace:-*:* | trace:*:-o | trace:*:--output) ;;
    run:*:run | run:*:-* | trace:*:trace | trace:*:-*)
        COMPREPLY=($(compgen -c -f -- "$word"))
        return
        ;;
    esac
    # Other words are files, which bash completes where there is nothing here.
    COMPREPLY=()
    case ${COMP_WORDS[1]}:$word in
    *:-*) COMPREPLY=($(compgen -W "$options" -- "$word")) ;;
    why:[0-9]*) COMPREPLY=($(cd /proc && compgen -G "$word*")) ;;
    esac
    case ${COMPREPLY-} in
    *=) compopt -o nospace ;;
    esac
}
complete -o filenames -o default -F _fini fini
