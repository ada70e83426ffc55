// The one file of the kernel that knows Python: checks sizes, owns buffers, releases the GIL, turns statuses into errors.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <stdexcept>
#include <string>

#include "binding.h"

namespace nb = nanobind;
using namespace wcz;

namespace {

using ConstSymbols = nb::ndarray<const int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Symbols = nb::ndarray<int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

const char *rule(wcz_status status) {
    switch (status) {
        case WCZ_TRUNCATED: return "payload ends before its last symbol";
        case WCZ_CORRUPT: return "payload holds a code that no encoder writes";
        case WCZ_OVERRUN: return "payload holds more symbols than its arrays";
        case WCZ_SYMBOL: return "symbol outside -(2**31 - 1) .. 2**31 - 1, or a run of 2**31 - 1 and more";
        case WCZ_CAPACITY: return "kernel buffer too small";
        default: return "kernel parameter outside its range";
    }
}

void raise_fault(const Fault &fault) {
    if (fault.status == WCZ_CAPACITY || fault.status == WCZ_ARGUMENT) {
        PyErr_SetString(PyExc_ValueError, rule(fault.status));
        return;
    }
    const char *name = fault.status == WCZ_SYMBOL ? "SymbolError" : "PayloadError";
    nb::object error = nb::module_::import_("wcodec.errors").attr(name);
    PyErr_SetObject(error.ptr(), nb::str(rule(fault.status)).ptr());
}

nb::bytes run_length_encode(ConstSymbols values, int run_code, int magnitude_code, bool non_zero_runs) {
    const wcz_run_length_format format = {run_code, magnitude_code, non_zero_runs};
    std::unique_ptr<uint8_t[]> payload;
    size_t written = 0;
    {
        nb::gil_scoped_release unlocked;
        uint64_t bits = 0;
        require(wcz_run_length_bits(values.data(), values.size(), &format, &bits));
        payload = allocate(bits / 8 + 1);
        require(wcz_run_length_encode(values.data(), values.size(), &format, payload.get(), bits / 8 + 1, &written));
    }
    return nb::bytes(payload.get(), written);
}

size_t run_length_decode(nb::handle source, int run_code, int magnitude_code, bool non_zero_runs, Symbols out) {
    const wcz_run_length_format format = {run_code, magnitude_code, non_zero_runs};
    Payload payload(source);
    size_t consumed = 0;
    nb::gil_scoped_release unlocked;
    require(wcz_run_length_decode(payload.data(), payload.size(), &format, out.data(), out.size(), &consumed));
    return consumed;
}

}  // namespace

NB_MODULE(_native, module) {
    module.doc() = "Native kernel of wcodec; its readable twin is wcodec.coders.reference.";
    nb::register_exception_translator([](const std::exception_ptr &thrown, void *) {
        try {
            std::rethrow_exception(thrown);
        } catch (const Fault &fault) {
            raise_fault(fault);
        }
    });

    bind_rans(module);

    using namespace nb::literals;
    module.def("run_length_encode", &run_length_encode, "values"_a.noconvert(), "run_code"_a, "magnitude_code"_a,
               "non_zero_runs"_a);
    module.def("run_length_decode", &run_length_decode, "payload"_a, "run_code"_a, "magnitude_code"_a,
               "non_zero_runs"_a, "out"_a.noconvert());
}
